"""Choices of schedule-cpu that depend on a target or on sizes beyond a readable lit test."""

import dataclasses
import re
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import pytest
import torch
from cases import conv
from cases.base import Net
from torch import nn

from rt3d_mlir import targets
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.pipeline import default_pipeline, run_pipeline
from rt3d_mlir.sparsity import GroupSize

NEON = targets.get_target("cortex-a76")


def scheduled(
    model: nn.Module, shape: tuple[int, ...], group: str = "8x4", target: targets.CpuTarget = NEON, dtype: str = "f32"
) -> str:
    """The module after all passes."""
    with ir.Context(), ir.Location.unknown():
        module, weights = import_torch(model.eval(), (numerics.draw_input(shape, "random"),))
        run_pipeline(module, default_pipeline(GroupSize.parse(group), target, dtype=dtype), State(weights))
        return str(module)


def kernel(text: str, name: str) -> str:
    """The text of one executable."""
    return text.split(f"hal.executable.source private @{name} {{")[1].split("hal.executable.source")[0]


def grid(text: str, name: str) -> list[int]:
    counts = kernel(text, name).split("hal.return ")[1].split(" :")[0].split(", ")
    return [int(count.removeprefix("%c").partition("_")[0]) for count in counts]


def test_kernels_of_layers_whose_names_are_near_to_each_other():
    """Tune, bench, static and --explain find a layer's kernel by its name alone."""
    block = nn.ModuleDict({"b": nn.Conv3d(4, 4, 1), "main": nn.Conv3d(4, 4, 1)})
    model = Net(
        lambda net, x: net.main(net.a_b(net.a["main"](net.a["b"](x)))),
        a=block,
        a_b=nn.Conv3d(4, 4, 1),
        main=nn.Conv3d(4, 4, 1),
    )
    with ir.Context(), ir.Location.unknown():
        module, weights = import_torch(model.eval(), (torch.zeros(1, 4, 1, 1, 8),))
        state = State(weights)
        run_pipeline(module, default_pipeline(GroupSize(8, 4), NEON), state)
        found = set(re.findall(r"hal\.executable\.source private @(\w+)", str(module)))
    assert {layer.removesuffix(".1") for layer in state.layers} == {"a.b", "a_b", "a.main", "main"}
    assert {symbol_of(layer) for layer in state.layers} == found - {"block_layout", "channel_layout"}


def test_a_target_that_broadcasts_from_memory_loads_single_numbers():
    model, shape = conv(4, 8, 1, bias=False), (1, 4, 1, 1, 8)
    lane = kernel(scheduled(model, shape), "weight")
    assert lane.count("vector.extract ") == 3 * 32  # two taps an iteration, and a loop for the odd one
    assert "memref.load %0" not in lane
    broadcast = kernel(scheduled(model, shape, target=dataclasses.replace(NEON, broadcast="memory")), "weight")
    assert "vector.extract " not in broadcast
    columns = broadcast.count("vector.fma") // 4
    assert broadcast.count("memref.load %0") == broadcast.count("vector.fma") == 4 * columns


def test_a_fourth_channel_that_is_padding_is_not_computed():
    text = kernel(scheduled(conv(3, 8, 1, bias=False), (1, 3, 1, 1, 8)), "weight")
    assert text.count("vector.fma") == 3 * text.count("vector.load %0")


@pytest.mark.parametrize(("group", "columns"), [("8x4", 14), ("16x4", 7)])
def test_f16_keeps_as_many_registers_of_sums_as_f32(group: str, columns: int):
    """14 columns x 1 register of 8 filters, or 7 x 2; two columns a load, a load of one for the odd one."""
    model = conv(4, 16, 1, bias=False)
    with torch.no_grad():
        model.weight[:8, :4] = 0  # rows of groups of 8 that differ are not merged
    text = kernel(scheduled(model, (1, 4, 1, 1, 28), group, dtype="f16"), "weight")
    taps = 3  # two an iteration, and a loop for the odd one
    assert text.count(f" : vector<{group.partition('x')[0]}xf16>") >= text.count("vector.fma") == taps * 4 * columns
    loads = [line for line in text.splitlines() if "vector.load %0" in line]
    assert sum("vector<8xf16>" in line for line in loads) == taps * (columns // 2)
    assert sum("vector<4xf16>" in line for line in loads) == taps * (columns % 2)


@pytest.mark.parametrize(("strides", "channels"), [((1, 1, 2), 4), (1, 3)])
def test_f16_loads_columns_one_by_one_where_they_are_apart(strides: object, channels: int):
    """And where a channel of the block is not used: LLVM would take such a load apart."""
    model = conv(channels, 8, (1, 1, 3), stride=strides, bias=False)
    text = kernel(scheduled(model, (1, channels, 1, 1, 30), dtype="f16"), "weight")
    assert "vector.load %0" in text
    assert all("vector<4xf16>" in line for line in text.splitlines() if "vector.load %0" in line)


def test_a_linear_layer_of_f16_reads_half_the_bytes():
    model, shape = nn.Sequential(nn.Flatten(), nn.Linear(64, 32, bias=False)), (1, 8, 2, 2, 2)
    assert "memref<2048xf32>" in kernel(scheduled(model, shape), "layer_1")
    half = kernel(scheduled(model, shape, dtype="f16"), "layer_1")
    assert "memref<2048xf16>" in half
    assert "memref<2048xf32>" not in half


def test_the_grid_runs_over_filters_first_while_weights_fit_a_cache():
    model, shape = conv(4, 40, 1), (3, 4, 7, 1, 8)
    rows, chunks, batch = grid(scheduled(model, shape), "weight")
    assert batch == 3
    assert rows != chunks
    small = dataclasses.replace(NEON, shared_cache=0)
    turned = grid(scheduled(model, shape, target=small), "weight")
    assert turned[1:] == [rows, batch]


def test_a_row_of_weights_beyond_a_cores_cache_is_read_once_a_chunk():
    model, shape = conv(4, 8, (3, 1, 1), padding=(1, 0, 0)), (1, 4, 3, 4, 5)
    assert "memref.alloca" not in scheduled(model, shape)
    small = dataclasses.replace(NEON, core_cache=0)
    assert "memref.alloca" in scheduled(model, shape, target=small)


def test_only_an_input_beyond_a_cores_cache_is_prefetched():
    model, shape = conv(4, 8, 1), (1, 4, 2, 2, 8)
    assert "memref.prefetch" not in scheduled(model, shape)
    small = dataclasses.replace(NEON, core_cache=4 * 4 * 2 * 2 * 8 - 1)
    assert "memref.prefetch" in scheduled(model, shape, target=small)


def test_sums_of_a_very_wide_row_fit_the_stack(tmp_path: Path):
    """IREE allows 32 KiB; 600 columns x 16 filters are 38."""
    model = conv(256, 16, (1, 1, 17))
    numerics.draw(model, "16x4", "integers")
    x = numerics.draw_input((1, 256, 1, 1, 616), "integers")
    built = numerics.build(model, [x], tmp_path, "16x4", target="host")
    np.testing.assert_array_equal(built.run([x.numpy()])[0], numerics.reference(model, [x])[0])


@pytest.mark.parametrize(("channels", "inside"), [(4, True), (64, False)])
def test_a_pool_that_shares_rows_goes_inside_where_a_position_takes_few_products(channels: int, inside: bool):
    """Of the other one a row computed twice would take longer than all of them through memory."""
    model = nn.Sequential(conv(channels, 8, (1, 3, 3)), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))
    assert ("@max_pool" in scheduled(model, (1, channels, 2, 18, 18))) is not inside
