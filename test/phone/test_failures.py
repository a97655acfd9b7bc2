"""Each thing that can go wrong between a computer and a phone: what is said, and that nothing is left behind."""

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import interruptible
import pytest
from phone import scripted
from phone.fake_phone import FEATURES, SERIAL, FakePhone

from rt3d_mlir.runtime.artifact import Manifest
from rt3d_mlir.tools.run import main


class Tool:
    """rt3d-mlir-run DIR --adb --runtime ..., with an artifact and a runtime that fit the phone."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        self.artifact, self.runtime, self._capsys = folder / "artifact", folder / "runtime", capsys
        scripted.artifact(self.artifact)
        scripted.runtime(self.runtime)

    def __call__(self, *options: str) -> tuple[int, str]:
        code = main([str(self.artifact), "--adb", "--runtime", str(self.runtime), "--repeat", "3", *options])
        return code, self._capsys.readouterr().err

    def fails(self, message: str, *options: str) -> None:
        code, err = self(*options)
        assert code == 1, err
        last = err.splitlines()[-1]
        assert last.startswith("rt3d-mlir-run: error: ")
        assert message in last

    def change(self, manifest: Manifest) -> None:
        shutil.rmtree(self.artifact)
        scripted.artifact(self.artifact, manifest)


@pytest.fixture
def tool(phone: FakePhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    scripted.answer(phone, [3.0, 1.0, 2.0])
    return Tool(tmp_path, capsys)


def test_a_scripted_run_passes(tool: Tool, phone: FakePhone):
    code, err = tool()
    assert code == 0, err
    assert phone.left == []


def test_no_adb(tool: Tool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    tool.fails("adb was not found: install Android's platform-tools (Debian: adb)")


@pytest.mark.parametrize(
    ("devices", "options", "message"),
    [
        ("", [], "adb sees no device: plug the phone in, switch USB debugging on"),
        ("A\tdevice\nB\toffline\n", [], "adb sees 2 devices (A, B): name one with --serial"),
        ("PHONE1\tdevice\n", ["--serial", "PHONE2"], "adb sees no device 'PHONE2', but PHONE1; did you mean 'PHONE1'?"),
        ("A\tunauthorized\n", [], "A is 'unauthorized', expected 'device': unlock the phone and allow USB debugging"),
        (
            "A\tdevice\nB\toffline\n",
            ["--serial", "B"],
            "B is 'offline', expected 'device': unlock the phone and plug it",
        ),
        (
            "A\tno permissions (see u.r.l)\n",
            [],
            "A is 'no permissions (see u.r.l)', expected 'device': this user may not",
        ),
        ("A\trecovery\n", [], "A is 'recovery', expected 'device': start it as usual"),
    ],
)
def test_no_phone_to_run_on(tool: Tool, phone: FakePhone, devices: str, options: list[str], message: str):
    phone.write("devices", devices)
    tool.fails(message, *options)


def test_an_adb_that_hangs(tool: Tool, phone: FakePhone, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rt3d_mlir.phone.adb.PATIENCE", 0.3)
    phone.write("misbehave", "hang devices")
    tool.fails("no answer within 0.3 s to `devices`: unlock the phone, look at the cable")


def test_an_adb_that_fails(tool: Tool, phone: FakePhone):
    phone.program("host/adb", "echo 'adb: cannot bind to port 5037' >&2; exit 1")
    tool.fails("`adb devices` failed: adb: cannot bind to port 5037")


def test_another_abi(tool: Tool, phone: FakePhone):
    phone.properties(ro_product_cpu_abi="x86_64")
    tool.fails("the device is x86_64, expected arm64-v8a")
    assert phone.left == []


@pytest.mark.parametrize(
    ("cpu", "features", "message"),
    [
        (
            "cortex-x2",
            FEATURES,
            "no asimdfhm, bf16, fcma, i8mm, sve, sve2, which code for cortex-x2 may use: compile again",
        ),
        (
            "cortex-a76",
            "fp asimd crc32",
            "have no asimddp, asimdhp, asimdrdm, atomics, which code for cortex-a76 may use: no",
        ),
        ("cortex-a76", "", "the phone's /proc/cpuinfo has no line of Features"),
    ],
)
def test_a_core_that_lacks_features(tool: Tool, phone: FakePhone, cpu: str, features: str, message: str):
    """One core that lacks them is enough."""
    tool.change(replace(scripted.CPU, cpu=cpu))
    lines = f"Features\t: {FEATURES}\nFeatures\t: {features}\n" if features else "processor\t: 0\n"
    phone.write("root/proc/cpuinfo", lines)
    tool.fails(message)
    assert not any(line.startswith("push") for line in phone.log)


@pytest.mark.parametrize(
    ("triple", "cpu"), [("x86_64-unknown-linux-gnu", "znver4"), ("aarch64-linux-gnu", "neoverse-n2")]
)
def test_a_module_that_is_not_for_phones(tool: Tool, triple: str, cpu: str):
    tool.change(replace(scripted.CPU, triple=triple, cpu=cpu))
    tool.fails(
        f"built for {triple.split('-')[0]} ({cpu}), which is not a phone's core: compile again, with --target one"
    )


def test_a_changed_file_is_not_pushed(tool: Tool):
    (tool.artifact / "module.vmfb").write_bytes(b"another program")
    tool.fails("module.vmfb changed since it was compiled")


def test_no_space(tool: Tool, phone: FakePhone):
    phone.free(9 << 10)
    tool.fails("/data/local/tmp has 9 MiB free, and 16 MiB are needed: free some space on the phone")
    phone.write("df", "df: no such thing\n")
    tool.fails("`df -k /data/local/tmp` says nothing of free space: df: no such thing")
    assert phone.left == []


def test_no_space_in_the_middle(tool: Tool, phone: FakePhone):
    phone.write("misbehave", f"full push {tool.artifact}")
    tool.fails("PHONE1 has no space left in /data/local/tmp/rt3d-mlir-run: free some and run again")
    assert phone.left == []


@pytest.mark.parametrize("when", ["push", "iree-run-module --module", "benchmark_repetitions", "rm -rf"])
def test_a_phone_that_goes_away(tool: Tool, phone: FakePhone, when: str):
    """What it has by then stays, and the next run takes it away."""
    phone.write("misbehave", f"vanish {when}")
    tool.fails("PHONE1 went away in the middle (")
    assert phone.left == ([] if when == "rm -rf" else ["rt3d-mlir-run"])
    phone.write("devices", f"{SERIAL}\tdevice\n")
    assert tool()[0] == 0
    assert phone.left == []


def test_what_another_run_left(tool: Tool, phone: FakePhone):
    """A folder, and a program in it that still runs."""
    if not shutil.which("pkill"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("pkill not found (Debian: procps)")
    folder = phone.tmp / "rt3d-mlir-run"
    folder.mkdir()
    (folder / "module.vmfb").write_text("old")
    (phone.tmp / "not-ours").write_text("stays")
    left = subprocess.Popen(["sleep", "60"], executable=shutil.which("sleep"), cwd=folder)
    named = subprocess.Popen([f"{folder}/iree-benchmark-module", "60"], executable=shutil.which("sleep"))
    try:
        assert tool()[0] == 0
        assert named.wait(5) == -9
        assert left.poll() is None
    finally:
        for process in (left, named):
            process.kill()
            process.wait()
    assert phone.left == ["not-ours"]


def test_ctrl_c(tool: Tool, phone: FakePhone):
    phone.write("misbehave", "interrupt benchmark_repetitions")
    command = [sys.executable, "-m", "rt3d_mlir.tools.run", str(tool.artifact), "--adb", f"--runtime={tool.runtime}"]
    restore = interruptible.restore
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=restore)
    assert done.returncode == 130, done.stderr
    assert done.stderr.endswith("timing 10 runs\nrt3d-mlir-run: interrupted\n")
    assert phone.left == []


def test_two_at_a_time(tool: Tool, phone: FakePhone):
    with open(phone.folder / "lock" / "rt3d-mlir-run-PHONE1.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        tool.fails("another rt3d-mlir-run uses PHONE1 (")
    assert tool()[0] == 0


@pytest.mark.parametrize(
    ("program", "script", "message"),
    [
        ("iree-run-module", "echo no such module >&2; exit 1", "iree-run-module failed (exit 1) on the phone: no such"),
        ("iree-run-module", "kill -ILL $$", "iree-run-module was ended by signal 4 on the phone: "),
        ("iree-benchmark-module", "kill -KILL $$", "iree-benchmark-module was ended by signal 9 on the phone: "),
        ("iree-benchmark-module", ":", "adb cannot pull /data/local/tmp/rt3d-mlir-run/times.json from PHONE1: "),
    ],
)
def test_a_program_that_fails(tool: Tool, phone: FakePhone, program: str, script: str, message: str):
    phone.write(f"answers/{program}", script)
    tool.fails(message)
    assert phone.left == []


def test_times_that_are_none(tool: Tool, phone: FakePhone):
    scripted.answer(phone, [1.0, 2.0])
    tool.fails("iree-benchmark-module timed 2 runs, expected 3")


def test_no_frequencies(tool: Tool, phone: FakePhone):
    for core in range(8):
        shutil.rmtree(phone.folder / f"root/sys/devices/system/cpu/cpu{core}/cpufreq")
    tool.fails("the phone does not tell its cores' frequencies (cpufreq/cpuinfo_max_freq): use --cores all")
    assert tool("--cores", "all")[0] == 0
    assert set(phone.masks) == {"ff"}
    shutil.rmtree(phone.folder / "root/sys/devices")
    tool.fails("PHONE1 lists no core in /sys/devices/system/cpu", "--cores", "all")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--json", "DIR"],
        ["DIR", "--adb", "--video", "v.mp4"],
        ["DIR", "--adb", "--device", "local-sync"],
        ["DIR", "--adb", "--cores", "huge"],
        ["DIR", "--cores", "big"],
        ["DIR", "--serial", "S"],
        ["DIR", "--sysroot", "S"],
        ["DIR", "--make-runtime", "D"],
    ],
)
def test_usage(argv: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(argv) == 2
    assert "rt3d-mlir-run: error: " in capsys.readouterr().err
