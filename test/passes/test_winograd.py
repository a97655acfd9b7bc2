"""Winograd convs against PyTorch in float64, and the choice between them and direct ones."""

import dataclasses
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import pytest
import torch
from cases import Case, Net, conv, relu_after
from torch import nn
from torch.nn import functional as F

from rt3d_mlir import targets
from rt3d_mlir.errors import PassError
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.passes.cost.winograd import Shape, choose
from rt3d_mlir.passes.framework.base import LayerFacts, State
from rt3d_mlir.passes.ops.winograd_matrices import POINTS, matrices
from rt3d_mlir.passes.ops.winograd_tiling import Tiling
from rt3d_mlir.passes.pipeline import default_pipeline, parse_pipeline, run_pipeline
from rt3d_mlir.sparsity import GroupSize

NEON = targets.get_target("cortex-a76")
#: Largest error over the largest output. On integers, tile 2 has none.
BOUND = {2: 2e-6, 4: 1e-5}
#: tile, group, floor, target
SUITES = [
    (2, "4x8", "schedule-cpu", "host"),
    pytest.param(4, "32x4", "schedule-cpu", "host", marks=pytest.mark.slow),
    (4, "8x4", "schedule-cpu", "cortex-a76"),
    pytest.param(2, "8x4", "schedule-cpu", "cortex-a76", marks=pytest.mark.slow),
]


def networks() -> dict[str, Case]:
    """What a Winograd kernel has to get right: sizes that tiles do not divide, depth, borders, pools, epilogues."""
    return {
        "padded": Case(conv(8, 16, padding=1), (1, 8, 5, 6, 9)),
        "pruned": Case(nn.Sequential(conv(8, 16, padding=1, density=0.8), conv(16, 8, density=0.6)), (1, 8, 5, 6, 9)),
        "one-tile": Case(conv(4, 8, (1, 3, 3)), (1, 4, 1, 6, 6)),
        "batch-2": Case(relu_after(conv(8, 8, (1, 3, 3), padding=(0, 1, 1))), (2, 8, 3, 7, 5)),
        "odd-channels": Case(nn.Sequential(relu_after(conv(7, 13, padding=(0, 1, 1))), conv(13, 5)), (1, 7, 6, 7, 10)),
        "depth-stride-dilation": Case(
            conv(4, 8, (3, 3, 3), stride=(2, 1, 1), dilation=(2, 1, 1), padding=(3, 1, 1)), (2, 4, 6, 5, 8)
        ),
        "dilated": Case(relu_after(conv(8, 8, padding=(1, 2, 2), dilation=(1, 2, 2))), (2, 8, 3, 10, 12)),
        "dilated-more-to-the-right": Case(
            nn.Sequential(conv(4, 12, padding=(2, 2, 3), dilation=(2, 2, 3)), nn.MaxPool3d(2)), (1, 4, 4, 8, 15)
        ),
        "dilated-residual": Case(
            Net(lambda net, x: F.relu(net.a(x) + x), a=conv(8, 8, (1, 3, 3), padding=(0, 4, 4), dilation=(1, 4, 4))),
            (1, 8, 2, 16, 24),
        ),
        "padded-planes-only": Case(conv(4, 8, padding=(3, 1, 1)), (1, 4, 2, 5, 6)),
        "pool": Case(
            nn.Sequential(relu_after(conv(4, 20, padding=1)), nn.MaxPool3d(2), conv(20, 6, padding=1)), (2, 4, 4, 8, 12)
        ),
        "pool-1x2x2": Case(nn.Sequential(conv(4, 6, padding=1), nn.MaxPool3d((1, 2, 2))), (1, 4, 2, 6, 10)),
        "pool-overlap": Case(
            nn.Sequential(conv(4, 6, padding=1), nn.MaxPool3d(3, stride=2, padding=1), conv(6, 4, 1)), (1, 4, 4, 9, 9)
        ),
        "residual": Case(
            Net(lambda net, x: net.b(net.a(x)) + x, a=conv(8, 8, padding=1), b=conv(8, 8, padding=1)), (1, 8, 3, 5, 7)
        ),
    }


@pytest.mark.parametrize(("tile", "group", "floor", "target"), SUITES)
def test_networks_agree_with_pytorch(tmp_path: Path, tile: int, group: str, floor: str, target: str):
    found = networks()
    model = numerics.Several({name: case.model for name, case in found.items()})
    numerics.draw(model, group, "integers")
    inputs = {
        kind: [numerics.draw_input(case.shape, kind, seed) for seed, case in enumerate(found.values())]
        for kind in ("integers", "random")
    }
    built = numerics.build(model, inputs["integers"], tmp_path, group, floor, target, tile=tile)
    assert built.text.count('step = "product"' if floor == "winograd" else "_winograd_output(") >= len(found)
    for kind, xs in inputs.items():
        answers = zip(built.run([x.numpy() for x in xs]), numerics.reference(model, xs), strict=True)
        for name, (ours, expected) in zip(found, answers, strict=True):
            exact = (tile, kind) == (2, "integers")
            assert numerics.relative_error(ours, expected) <= (0 if exact else BOUND[tile]), (name, kind)


@pytest.mark.parametrize("tile", POINTS)
def test_error_of_a_large_layer(tmp_path: Path, tile: int):
    """On data like those behind a ReLU, whose sums do not cancel in the transform; the bound that the docs state."""
    layer = conv(256, 32, padding=1)
    numerics.draw(layer, "8x4", "random")
    x = numerics.draw_input((1, 256, 3, 14, 14), "random").relu()
    built = numerics.build(layer, [x], tmp_path, tile=tile)
    (ours,), (expected,) = built.run([x.numpy()]), numerics.reference(layer, [x])
    assert numerics.relative_error(ours, expected) < BOUND[tile]
    error = ours - expected
    assert abs(error.mean()) < 4 * error.std() / error.size**0.5 + 0.1 * error.std()


def test_infinity_stays_in_its_tiles(tmp_path: Path):
    layer = conv(4, 8, (1, 3, 3), padding=(0, 1, 1))
    numerics.draw(layer, "8x4", "random")
    x = numerics.draw_input((1, 4, 2, 8, 8), "random")
    x[0, 1, 0, 0, 0] = torch.inf
    (ours,) = numerics.build(layer, [x], tmp_path, tile=2).run([x.numpy()])
    assert not np.isfinite(ours[0, :, 0, :2, :2]).any()
    assert np.isfinite(ours[0, :, 0, 2:]).all()
    assert np.isfinite(ours[0, :, 1]).all()


@pytest.mark.parametrize(("tile", "growth"), [(2, 7.11), (4, 83.5)])
def test_the_worst_case_of_rounding(tile: int, growth: float):
    assert matrices(tile).growth == pytest.approx(growth, abs=0.02)


@pytest.mark.parametrize("tile", POINTS)
def test_matrices_convolve(tile: int):
    """A ((G g G') * (B x B')) A' is the valid correlation, up to float64's rounding."""
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((tile + 2, tile + 2)), rng.standard_normal((3, 3))
    of = matrices(tile)
    ours = of.output @ ((of.kernel @ g @ of.kernel.T) * (of.input @ x @ of.input.T)) @ of.output.T
    expected = [[(x[i : i + 3, j : j + 3] * g).sum() for j in range(tile)] for i in range(tile)]
    np.testing.assert_allclose(ours, expected, atol=1e-13)


def test_the_smaller_tile_only_adds_and_halves():
    of = matrices(2)
    assert set(np.abs(of.output).flat) | set(np.abs(of.input).flat) == {0, 1}
    assert set(np.abs(of.kernel).flat) == {0, 0.5, 1}


def test_the_last_tiles_move_back_into_the_output():
    tiling = Tiling(tile=4, height=5, width=9, columns=4)
    assert (tiling.across, tiling.count, tiling.groups) == (3, 6, 2)
    np.testing.assert_array_equal(tiling.starts(), [(0, 0), (0, 4), (0, 5), (1, 0), (1, 4), (1, 5), (1, 5), (1, 5)])


def test_the_tiles_of_a_dilated_conv_are_those_of_each_part():
    tiling = Tiling(tile=2, height=6, width=4, columns=4, down=2)
    np.testing.assert_array_equal(tiling.starts(), [(0, 0), (0, 2), (2, 0), (2, 2), (1, 0), (1, 2), (3, 0), (3, 2)])


def shape(filters: int, channels: int, *size: int) -> Shape:
    depth, height, width = size
    return Shape(
        filters,
        -(-channels // 4) * 4,
        channels,
        4,
        3,
        (depth, height, width),
        1,
        depth,
        (1 - 2 / 3 / depth, 1 - 2 / 3 / height),
    )


@pytest.mark.parametrize(
    ("layer", "tile"),
    [
        (shape(128, 64, 16, 56, 56), 4),
        (shape(256, 256, 8, 28, 28), 4),
        (shape(512, 512, 4, 14, 14), 2),  # 4 covers 14 with 16, and has 113 MB of weights
        (shape(512, 512, 2, 7, 7), None),  # covers 7 with 8, and the direct kernel skips more of its padding
        (shape(64, 3, 16, 112, 112), None),  # transforms cost more than three channels do
        (dataclasses.replace(shape(64, 64, 16, 56, 56), apart=(4, 4)), 4),
        (dataclasses.replace(shape(64, 64, 16, 56, 56), apart=(3, 4)), None),  # 3 does not divide 56
        (shape(16, 16, 32, 32, 32), 4),  # in tiles of 16 filters
    ],
)
def test_the_choice_for_c3d_with_wide_vectors(layer: Shape, tile: int | None):
    wide = dataclasses.replace(NEON, vector_bits=512, columns=14, widest=32, broadcast="memory", group=GroupSize(32, 4))
    plan = choose(layer, wide, list(POINTS))
    assert (plan and plan.tiling.tile) == tile


def layers_of(model: nn.Module, shape: tuple[int, ...], **options: object) -> dict[str, LayerFacts]:
    with ir.Context(), ir.Location.unknown():
        module, weights = import_torch(model.eval(), (torch.zeros(shape),))
        state = State(weights)
        run_pipeline(module, default_pipeline(NEON.group, NEON, **options)[:-2], state)  # type: ignore[arg-type]
        return state.layers


def test_pruned_layers_and_f16_stay_direct():
    dense, barely, pruned = (conv(64, 64, padding=1, density=density) for density in (1, 0.9, 0.4))
    numerics.draw(nn.Sequential(dense, barely, pruned), "8x4", "random")
    size = (1, 64, 8, 28, 28)
    assert layers_of(dense, size)["weight"].how == "Winograd, tiles of 4x4"
    assert layers_of(barely, size)["weight"].how == (
        "Winograd, tiles of 4x4; faster than the 90% of the taps that are kept"
    )
    assert not layers_of(pruned, size)["weight"].how
    assert layers_of(pruned, size, dense=True)["weight"].how == "Winograd, tiles of 4x4"
    assert not layers_of(dense, size, winograd=False)["weight"].how
    assert not layers_of(dense, size, dtype="f16")["weight"].how


def test_a_tile_that_is_none_is_named():
    with pytest.raises(PassError, match=r"tile=3\}: expected 2 or 4"):
        parse_pipeline("winograd{tile=3}")
    with pytest.raises(PassError, match=r"winograd\{tile=x\}"):
        parse_pipeline("winograd{tile=x}")
