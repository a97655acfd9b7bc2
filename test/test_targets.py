import dataclasses
import platform
import re

import pytest

from rt3d_mlir.compile.exported import export_config
from rt3d_mlir.errors import TargetError
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import (
    CpuTarget,
    GpuTarget,
    Target,
    check_dtype,
    find_target,
    get_gpu_target,
    get_target,
    gpu_target_names,
    target_names,
)
from rt3d_mlir.targets.cpu import DOT_PRODUCTS
from rt3d_mlir.targets.host import describe, features_in

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
    assert target.sums <= 24
    assert target.registers == 32


@pytest.mark.parametrize("name", target_names())
def test_features_are_those_that_iree_compile_knows_of_the_core(name: str):
    """What int8 kernels will ask for, and f16; the triple of a preset is a phone's, so nothing of this machine's."""
    target = get_target(name)
    said, problem = describe(target.iree_flags)
    features = features_in(said)
    assert features, problem
    assert target.dots == features & DOT_PRODUCTS
    assert target.half == ("fullfp16" in features)
    assert target.vector_bits // 8 == int(re.findall(r"native_vector_size = (\d+)", said)[0])


def test_dot_products_of_presets():
    assert get_target("cortex-a55").dots == {"dotprod"}
    assert get_target("cortex-x2").dots == {"dotprod", "i8mm"}


def test_the_last_word_on_a_feature_counts():
    """A cpu's own come first, then what this machine reports."""
    assert features_in('cpu_features = "+avx512vnni,+pku,-avxvnni,-pku,+avxvnni"') == {"avx512vnni", "avxvnni"}
    assert features_in("no features") == frozenset()


def test_f16_needs_a_core_that_multiplies_it():
    target = get_target("cortex-a76")
    check_dtype(target, "f16")
    without = dataclasses.replace(target, name="old", cpu="cortex-a73", half=False)
    check_dtype(without, "f32")
    with pytest.raises(TargetError, match=r"f16 needs an aarch64 core with fullfp16; old is cortex-a73 .* cortex-a76"):
        check_dtype(without, "f16")


def test_an_unknown_dtype():
    with pytest.raises(TargetError, match="no dtype is called 'f8'; known: f32, f16, bf16"):
        check_dtype(get_target("cortex-a76"), "f8")


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


@pytest.mark.parametrize("name", gpu_target_names())
def test_gpu_presets_are_within_what_iree_compile_knows_of_the_device(name: str):
    target = get_gpu_target(name)
    said, problem = describe(target.iree_flags)
    assert said, problem
    assert target.dots == set(re.findall(r"\bdot = ([\w|]+)", said)[0].split("|"))
    assert str(target.subgroup) in re.findall(r"subgroup_size_choices = \[([\d, ]+)\]", said)[0].split(", ")
    assert target.threads <= int(re.findall(r"max_thread_count_per_workgroup = (\d+)", said)[0])
    assert target.shared_memory <= int(re.findall(r"max_workgroup_memory_bytes = (\d+)", said)[0])
    assert bool(target.matrices) <= ("WMMA_F32_16x16x16_F16" in said)


def test_f16_on_a_gpu_that_has_none():
    without = dataclasses.replace(get_gpu_target("vulkan-mali"), name="old", half=False)
    with pytest.raises(TargetError, match=r"f16 needs a GPU that .*; old is valhall .* or one of vulkan-adreno, "):
        check_dtype(without, "f16")


@pytest.mark.parametrize("name", [*target_names(), *gpu_target_names()])
def test_every_target_has_what_the_compiler_asks(name: str):
    """Of the protocol: a plugin's pass may take any machine, by name."""
    target = find_target(name)
    for asked in (attribute for attribute in vars(Target) if not attribute.startswith("_")):
        assert hasattr(target, asked), asked
    assert target.rates.packed == 0.9 * 2 * 3.4e9 * (target.lanes if isinstance(target, CpuTarget) else 16)
    assert target.double == isinstance(target, CpuTarget)
    assert target.lanes == (4 if isinstance(target, GpuTarget) else target.vector_bits // 32)


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
