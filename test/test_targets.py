import dataclasses
import platform

import pytest

from rt3d_mlir.compile.exported import export_config
from rt3d_mlir.errors import TargetError
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import check_dtype, find_target, get_gpu_target, get_target, gpu_target_names, target_names

PRESETS = [name for name in target_names() if name != "host"]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_explicit(name: str):
    target = get_target(name)
    assert target.triple.startswith("aarch64-")
    assert f"--iree-llvmcpu-target-triple={target.triple}" in target.iree_flags
    assert f"--iree-llvmcpu-target-cpu={target.cpu}" in target.iree_flags
    assert target.cpu.startswith("cortex-")
    assert (target.lanes, str(target.group), target.broadcast) == (4, "8x4", "lane")
    assert target.half
    # Sums, one register of input a column at most, and the weights: 32 registers.
    assert target.columns * target.group.m // target.lanes <= 24


def test_f16_needs_a_core_that_multiplies_it():
    target = get_target("cortex-a76")
    check_dtype(target, "f16")
    without = dataclasses.replace(target, name="old", cpu="cortex-a73", half=False)
    check_dtype(without, "f32")
    with pytest.raises(TargetError, match=r"f16 needs an aarch64 core with fullfp16; old is cortex-a73 .* cortex-a76"):
        check_dtype(without, "f16")


def test_an_unknown_dtype():
    with pytest.raises(TargetError, match="no dtype is called 'bf16'; known: f32, f16"):
        check_dtype(get_target("cortex-a76"), "bf16")


def test_the_alias_has_its_core_list():
    target = get_target("snapdragon-865")
    assert target.cpu == get_target("cortex-a77").cpu
    assert "cortex-a55" in target.cores


def test_host_is_this_machine():
    target = get_target("host")
    assert target.triple.split("-")[0] in (platform.machine(), platform.machine().replace("arm64", "aarch64"))
    assert target.cpu not in ("", "generic")
    assert target.vector_bits in (128, 256, 512)
    assert "--iree-llvmcpu-target-cpu=host" in target.iree_flags
    assert get_target("host") is target


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("cortex-a5", "cortex-a55"), ("snapdragon-856", "snapdragon-865"), ("hots", "host"), ("adreno", "vulkan-adreno")],
)
def test_unknown(name: str, nearest: str):
    with pytest.raises(TargetError, match=f"no target is called '{name}'; known: host, .*; did you mean '{nearest}'"):
        find_target(name)


def test_a_gpu_is_no_cpu():
    assert find_target("vulkan-mali").cpu == "valhall"
    with pytest.raises(TargetError, match="no CPU target is called 'vulkan-mali'; known: host, "):
        get_target("vulkan-mali")


@pytest.mark.parametrize("name", gpu_target_names())
def test_gpu_presets(name: str):
    target = get_gpu_target(name)
    assert (target.device, target.group.n) == ("vulkan", 4)
    assert f"--iree-vulkan-target={target.arch}" in target.iree_flags
    check_dtype(target, "f16")


def test_the_group_of_pruning_is_that_of_the_dtype():
    """Wider in f16 where subgroups multiply matrices alone."""
    others = [get_gpu_target(name) for name in gpu_target_names() if name != "vulkan-nvidia"]
    assert all(target.group_of("f16") == target.group for target in others)
    nvidia = get_gpu_target("vulkan-nvidia")
    assert (nvidia.group_of("f32"), nvidia.group_of("f16")) == (GroupSize(16, 4), GroupSize(32, 4))
    exported = [export_config("c3d", "c3d-3.57x", nvidia, dtype) for dtype in ("f32", "f16")]
    assert [each.group_for(nvidia) for each in exported] == [GroupSize(16, 4), GroupSize(32, 4)]
    named = export_config("c3d", "c3d-3.57x", nvidia, "f16", group=GroupSize(16, 4))
    assert named.group_for(nvidia) == GroupSize(16, 4)
