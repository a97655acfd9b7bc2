"""Which programs are taken to a phone, and which module they fit."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from phone import scripted
from phone.fake_phone import FakePhone

from rt3d_mlir.errors import ConfigError, DeviceError, PhoneRuntimeError, VersionError
from rt3d_mlir.phone import PhoneOptions, checks, make_runtime, run_on_phone
from rt3d_mlir.phone.runtime import find_runtime
from rt3d_mlir.targets import get_target, target_names

#: LLVM's names of what code generation may choose, and Linux's.
WORDS = {
    "bf16": "bf16",
    "complxnum": "fcma",
    "dotprod": "asimddp",
    "fp16fml": "asimdfhm",
    "fullfp16": "asimdhp",
    "i8mm": "i8mm",
    "lse": "atomics",
    "neon": "asimd",
    "rdm": "asimdrdm",
    "sve": "sve",
    "sve2": "sve2",
}
ADRENO = (
    "name: Adreno (TM) 650\napi: {api}\nfeature_tier[vulkan-1.3]: {tier}\n"
    "features: bufferDeviceAddress=yes storageBuffer16BitAccess={half} shaderFloat16=yes\n"
)


@pytest.mark.parametrize("cpu", sorted({get_target(name).cpu for name in target_names() if name != "host"}))
def test_features_are_those_of_the_compiler(cpu: str):
    command = [str(Path(sys.executable).with_name("iree-compile")), "-", "--compile-to=flow"]
    command += ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]
    command += [f"--iree-llvmcpu-target-triple={get_target('cortex-a76').triple}", f"--iree-llvmcpu-target-cpu={cpu}"]
    source = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }"
    out = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
    features = re.search(r'cpu_features = "([^"]*)"', out)
    assert features
    chosen = {word.removeprefix("+") for word in features[1].split(",")}
    assert sorted(checks.FEATURES[cpu]) == sorted(WORDS[word] for word in chosen & WORDS.keys())


def test_how_programs_start(tmp_path: Path):
    android = find_runtime(scripted.runtime(tmp_path / "android") / "iree-run-module")
    assert android.command("/d", "iree-run-module") == "/d/iree-run-module"
    assert [file.name for file in android.files] == ["iree-run-module", "iree-benchmark-module"]
    glibc = find_runtime(scripted.glibc(tmp_path / "glibc"))
    assert glibc.command("/d", "iree-run-module") == "/d/ld-linux-aarch64.so.1 --library-path /d /d/iree-run-module"
    assert glibc.iree == "3.13.0"
    assert [file.name for file in glibc.files] == ["iree-run-module", "iree-benchmark-module", "ld-linux-aarch64.so.1"]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            scripted.elf(interpreter="/lib/ld-linux-aarch64.so.1"),
            r"built for Linux \(its loader is /lib/ld-linux-aarch64",
        ),
        (scripted.elf(machine=62), r"iree-run-module is for ELF's machine 62, expected one for aarch64 \(183\)"),
        (b"#!/bin/sh\n", "iree-run-module is no 64-bit ELF program, expected one for aarch64"),
    ],
)
def test_programs_that_no_phone_starts(tmp_path: Path, program: bytes, message: str):
    with pytest.raises(PhoneRuntimeError, match=message):
        find_runtime(scripted.runtime(tmp_path / "runtime", program))


def test_a_runtime_that_is_not_whole(tmp_path: Path):
    with pytest.raises(PhoneRuntimeError, match="none/iree-run-module is not there: a runtime is iree-run-module and"):
        find_runtime(tmp_path / "none" / "iree-run-module")
    with pytest.raises(PhoneRuntimeError, match=r"runtime\.json does not say which IREE this is"):
        find_runtime(scripted.glibc(tmp_path / "glibc", "[]"))


def test_a_runtime_of_another_version(phone: FakePhone, tmp_path: Path):
    folder = scripted.glibc(tmp_path / "runtime", '{"iree_runtime": "3.9.0"}')
    with pytest.raises(VersionError, match=r"the runtime is IREE 3\.9\.0, the module was compiled by .* 3\.13\.0"):
        run_on_phone(scripted.artifact(tmp_path / "artifact"), PhoneOptions(runtime=folder))


def test_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "1" if name == "PIP_NO_INDEX" else str(tmp_path))
    sysroot = tmp_path / "sysroot" / "lib"
    sysroot.mkdir(parents=True)
    for name in ("ld-linux-aarch64.so.1", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6"):
        (sysroot / name).write_bytes(b"")
    for name in ("libpthread.so.0", "librt.so.1", "libstdc++.so.6"):
        (sysroot / name).write_bytes(b"")
    with pytest.raises(PhoneRuntimeError, match=r"pip cannot get iree-base-runtime==0\.0\.1 for aarch64: "):
        make_runtime(tmp_path / "runtime", "0.0.1", sysroot.parent)
    assert [path.name for path in tmp_path.iterdir()] == ["sysroot"]


def test_a_gpu(phone: FakePhone, tmp_path: Path):
    scripted.answer(phone, [4.0, 2.0])
    phone.write("answers/dump_devices", f"echo '{ADRENO.format(api='1.3.128', tier='supported', half='yes')}'")
    artifact, runtime = scripted.artifact(tmp_path / "artifact", scripted.GPU), scripted.runtime(tmp_path / "runtime")
    record = run_on_phone(artifact, PhoneOptions(runtime=runtime, repeat=2))
    assert (record.device, record.threads, record.times_ms) == ("vulkan", None, [4.0, 2.0])
    assert record.lines()[2] == "device   vulkan, big cores: 4, 5, 6, 7"
    (timed,) = [line for line in phone.log if "benchmark_repetitions" in line]
    assert " --device=vulkan " in timed
    assert "task_topology" not in timed
    with pytest.raises(ConfigError, match="2 threads were asked for; a GPU has none to choose"):
        run_on_phone(artifact, PhoneOptions(runtime=runtime, threads=2))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            f"echo '{ADRENO.format(api='1.1.128', tier='unsupported', half='yes')}'",
            r"650 has Vulkan 1\.1\.128, and IREE",
        ),
        (f"echo '{ADRENO.format(api='1.3.128', tier='supported', half='no')}'", "has no storageBuffer16BitAccess"),
        (
            "echo '# Enumerated devices'",
            r"the phone's Vulkan has no device for IREE \(exit 0, no device\): compile for",
        ),
        ("echo c/vulkan.c:1: UNAVAILABLE >&2; exit 1", r"no device for IREE \(c/vulkan\.c:1: UNAVAILABLE\)"),
    ],
)
def test_a_gpu_that_cannot(phone: FakePhone, tmp_path: Path, answer: str, message: str):
    """Seen before the module is pushed."""
    phone.write("answers/dump_devices", answer)
    artifact, runtime = scripted.artifact(tmp_path / "artifact", scripted.GPU), scripted.runtime(tmp_path / "runtime")
    with pytest.raises(DeviceError, match=message):
        run_on_phone(artifact, PhoneOptions(runtime=runtime))
    assert not any("module.vmfb" in line for line in phone.log)
    assert phone.left == []


@pytest.mark.parametrize("made", [True, False])
def test_a_gpu_needs_an_android_build(phone: FakePhone, tmp_path: Path, made: bool):
    runtime = scripted.glibc(tmp_path / "runtime") if made else None
    with pytest.raises(DeviceError, match="vulkan-adreno runs on the phone's GPU, and only programs built for Android"):
        run_on_phone(scripted.artifact(tmp_path / "artifact", scripted.GPU), PhoneOptions(runtime=runtime))
