"""The whole way: a real artifact and a real runtime, pushed to a folder that plays the phone and run in qemu-user."""

import json
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import aarch64
import numpy as np
import pytest
import torch
from phone.fake_phone import FakePhone
from torch import nn

import rt3d_mlir
from rt3d_mlir.runtime.artifact import Manifest, sha256_file
from rt3d_mlir.tools.run import main

CLIP = (1, 3, 2, 6, 7)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    aarch64.command()
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv3d(8, 5, 1))
    folder = tmp_path_factory.mktemp("artifacts") / "artifact"
    rt3d_mlir.export(net, (torch.zeros(CLIP),)).compile(folder, target="cortex-a76")
    return folder


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the part of the aarch64 wheel that counts, for pip to find."""
    aarch64.command()
    site = aarch64.RUNTIME.parents[2]
    (info,) = site.glob("iree_base_runtime-*.dist-info")
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    name = f"{info.name.removesuffix('.dist-info')}-{python}-{python}-manylinux_2_28_aarch64.whl"
    folder = tmp_path_factory.mktemp("wheels")
    with zipfile.ZipFile(folder / name, "w") as wheel:
        programs = [aarch64.RUNTIME.with_name(program) for program in ("iree-run-module", "iree-benchmark-module")]
        for path in (*programs, *info.iterdir()):
            if path.is_file():
                wheel.write(path, path.relative_to(site))
    return folder


@pytest.fixture
def pip(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


@pytest.fixture
def phone(phone: FakePhone, monkeypatch: pytest.MonkeyPatch) -> FakePhone:
    monkeypatch.setattr("rt3d_mlir.phone.programs.WARM_UP", 0.1)
    qemu, *_ = aarch64.command()
    (phone.folder / "bin" / "qemu-aarch64-static").symlink_to(qemu)
    return phone


@pytest.fixture
def ndk_build(phone: FakePhone, tmp_path: Path) -> Path:
    """The wheel's programs, made to ask for Android's loader; a phone has that, and libraries, of its own."""
    for program in ("iree-run-module", "iree-benchmark-module"):
        data = aarch64.RUNTIME.with_name(program).read_bytes()
        linux, android = b"/lib/ld-linux-aarch64.so.1\0", b"/system/bin/linker64\0"
        assert linux in data
        (tmp_path / program).write_bytes(data.replace(linux, android.ljust(len(linux), b"\0"), 1))
    root = phone.folder / "root"
    (root / "system" / "bin").mkdir(parents=True)
    (root / "lib").symlink_to(aarch64.LIBRARIES / "lib")
    (root / "system" / "bin" / "linker64").symlink_to(aarch64.LIBRARIES / "lib" / "ld-linux-aarch64.so.1")
    return tmp_path


def test_the_whole_run(compiled: Path, phone: FakePhone, pip: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "phone.json"
    code = main([str(compiled), "--adb", "--repeat", "7", "--json", str(file)])
    out, err = capsys.readouterr()
    assert code == 0, err
    record = json.loads(file.read_text())
    assert (record["format"], record["version"]) == ("rt3d-phone", 1)
    assert record["phone"] == {"model": "Acme One [5G]", "soc": "QTI SM8250", "android": "13"}
    assert (record["target"], record["device"], record["runtime"]) == ("cortex-a76", "local-task", "glibc")
    assert (record["cores"], record["cpus"], record["threads"]) == ("big", [4, 5, 6, 7], 4)
    times = record["times_ms"]
    assert len(times) == record["repeat"] == 7
    assert record["latency_ms"]["min"] == min(times) > 0
    assert record["latency_ms"]["median"] == np.median(times)
    assert min(times) <= record["latency_ms"]["median"] <= record["latency_ms"]["p90"] <= max(times)
    for moment in ("before", "after"):
        assert (record[moment]["celsius"], record[moment]["sensor"]) == (38.5, "cpu-1-0-usr")
        assert record[moment]["cores"][7] == {
            "number": 7,
            "max_khz": 2841600,
            "limit_khz": 2841600,
            "governor": "schedutil",
        }
    assert set(phone.masks) == {"f0"}
    (timed,) = [line for line in phone.log if "benchmark_repetitions" in line]
    assert " --task_topology_group_count=4 " in timed
    assert " --benchmark_min_warmup_time=0.1 --benchmark_min_time=1x --benchmark_repetitions=7 " in timed
    assert phone.left == []
    assert phone.log[-1].startswith("shell cd /data/local/tmp ")
    assert [line.split()[0] for line in out.splitlines()] == [
        *("model", "phone", "device", "before", "after", "latency", "check")
    ]
    assert "device   local-task, big cores: 4, 5, 6, 7, threads: 4\n" in out
    assert "38.5 C (cpu-1-0-usr), up to 2.42, 2.84 GHz, governor schedutil\n" in out
    assert [line.split()[0] for line in err.splitlines()] == ["making", "pushing", "pushing", "comparing", "timing"]


def test_a_wrong_output(
    compiled: Path, phone: FakePhone, ndk_build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    artifact = Path(shutil.copytree(compiled, tmp_path / "artifact"))
    file, manifest = artifact / "golden" / "output_0.npy", Manifest.read(artifact)
    golden = np.load(file)
    golden[0, 4, 1, 5, 6] += 3 * manifest.tolerance
    np.save(file, golden)
    replace(manifest, files=manifest.files | {"golden/output_0.npy": sha256_file(file)}).write(artifact)
    code = main([str(artifact), "--adb", "--runtime", str(ndk_build), "--json"])
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert "error: the golden input gives a wrong output on the phone: result[0]: element at index 419 (" in err
    assert phone.left == []
    assert not any("iree-benchmark-module --module" in line for line in phone.log)


def test_a_build_of_the_users(compiled: Path, phone: FakePhone, ndk_build: Path, capsys: pytest.CaptureFixture[str]):
    program = ndk_build / "iree-run-module"
    options = ["--cores", "little", "--threads", "1", "--repeat", "2", "--json"]
    code = main([str(compiled), "--adb", "--serial", "PHONE1", "--runtime", str(program), *options])
    out, err = capsys.readouterr()
    assert code == 0, err
    record = json.loads(out)
    assert (record["runtime"], record["cpus"], record["threads"]) == ("android", [0, 1, 2, 3], 1)
    assert set(phone.masks) == {"f"}


def test_make_runtime(pip: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "runtimes" / "cpu"
    assert main(["--make-runtime", str(folder)]) == 0
    assert f"wrote {folder}: " in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {
        *("iree-run-module", "iree-benchmark-module", "runtime.json"),
        *("ld-linux-aarch64.so.1", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0"),
        *("librt.so.1", "libstdc++.so.6"),
    }
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert main(["--make-runtime", str(folder)]) == 1
    assert "exists: name a folder that does not" in capsys.readouterr().err
    (tmp_path / "sysroot").mkdir()
    assert main(["--make-runtime", str(tmp_path / "other"), "--sysroot", str(tmp_path / "sysroot")]) == 1
    assert "/lib has no ld-linux-aarch64.so.1, libc.so.6, " in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
