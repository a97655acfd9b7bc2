"""Vulkan devices: what IREE says of one decides, before a module is loaded; and a module that runs on one."""

import json
import struct
from pathlib import Path

import pytest
import torch
import vulkan
from torch import nn

import rt3d_mlir
from rt3d_mlir.errors import ConfigError, DeviceError
from rt3d_mlir.runtime.vulkan import check_device, vulkan_device

CLIP = (1, 3, 2, 6, 7)


def phone(api: str = "1.3.128", missing: str = "", half: str = "yes") -> str:
    """As IREE describes a device."""
    tier = f"unsupported\n  missing: {missing}" if missing else "supported"
    return (
        f"name: Adreno (TM) 650\napi: {api}\nfeature_tier[vulkan-1.3]: {tier}\nfeatures: shaderBFloat16Type=no "
        f"storageBuffer16BitAccess={half} shaderFloat16=yes\nqueue_families: 1\n"
    )


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv3d(8, 5, 1))
    folder = tmp_path_factory.mktemp("vulkan") / "artifact"
    rt3d_mlir.export(net, (torch.zeros(CLIP),)).compile(folder, target="vulkan-lavapipe")
    return folder


def test_a_device_that_can():
    for dtype in ("f32", "f16"):
        check_device(phone(), dtype)
    check_device(phone(half="no"), "f32")


@pytest.mark.parametrize(
    ("description", "dtype", "message"),
    [
        (phone(api="1.1.128", missing="Vulkan API 1.3"), "f32", r"Adreno \(TM\) 650 has Vulkan 1.1.128"),
        (phone(missing="synchronization2"), "f32", r"missing: synchronization2: update the driver"),
        (phone(half="no"), "f16", "has no storageBuffer16BitAccess, which dtype f16 needs: compile for f32"),
        ("no such thing", "f32", "the device has Vulkan an unknown version"),
    ],
)
def test_a_device_that_cannot(description: str, dtype: str, message: str):
    with pytest.raises(DeviceError, match=message):
        check_device(description, dtype)


def test_runs(compiled: Path):
    """In a process of its own: as long as the software device lives, threads of IREE's wait for it by spinning."""
    done = vulkan.run_tool(["rt3d-mlir-run", str(compiled), "--check", "--repeat=1"], driver=Path(vulkan.driver()))
    assert done.returncode == 0, done.stderr
    assert "device   vulkan\n" in done.stdout
    assert "check    ok" in done.stdout


def test_another_device_than_it_was_compiled_for(compiled: Path):
    with pytest.raises(ConfigError, match="compiled for vulkan-lavapipe, which runs on vulkan, not on local-task"):
        rt3d_mlir.load(compiled, device="local-task")
    with pytest.raises(ConfigError, match="2 threads were asked for; a GPU has none"):
        rt3d_mlir.load(compiled, threads=2)


def test_no_driver(compiled: Path, tmp_path: Path):
    done = vulkan.run_tool(["rt3d-mlir-run", str(compiled)], driver=tmp_path / "none.json")
    assert done.returncode == 1
    assert done.stderr.startswith("rt3d-mlir-run: error: no Vulkan driver answers here (")
    assert done.stderr.count("\n") <= 2


def test_no_loader(monkeypatch: pytest.MonkeyPatch):
    """IREE loads libvulkan when it makes its driver."""

    def absent(name: str) -> None:
        raise ValueError(
            f"Error creating driver {name}: NOT_FOUND; Vulkan loader library not found; ensure: \n  Tried: l"
        )

    monkeypatch.setattr("iree.runtime.get_driver", absent)
    expected = (
        r"^no Vulkan driver answers here \(no Vulkan loader, libvulkan\): install the GPU's driver and the Vulkan l"
    )
    with pytest.raises(DeviceError, match=expected):
        vulkan_device("f32")


@pytest.fixture
def older_driver(tmp_path: Path) -> Path:
    """Mesa's software device, a copy of it that says Vulkan 1.1."""
    facts = json.loads(Path(vulkan.driver()).read_text())
    patch = int(facts["ICD"]["api_version"].split(".")[2])
    data = Path(facts["ICD"]["library_path"]).read_bytes()
    older = data.replace(version(1, 3, patch), version(1, 1, patch))
    if older == data:
        pytest.skip("this Mesa does not hold its version as Vulkan 1.3 in one number")
    facts["ICD"]["library_path"] = str(tmp_path / "older.so")
    (tmp_path / "older.so").write_bytes(older)
    (tmp_path / "older.json").write_text(json.dumps(facts))
    return tmp_path / "older.json"


def version(*numbers: int) -> bytes:
    """As Vulkan writes a version."""
    major, minor, patch = numbers
    return struct.pack("<I", major << 22 | minor << 12 | patch)


def test_a_driver_of_vulkan_1_1(compiled: Path, older_driver: Path):
    done = vulkan.run_tool(["rt3d-mlir-run", str(compiled)], driver=older_driver)
    assert done.returncode == 1
    assert done.stderr.startswith("rt3d-mlir-run: error: llvmpipe")
    assert "and IREE needs 1.3 with some of its options; missing: Vulkan API 1.3: update the driver" in done.stderr
