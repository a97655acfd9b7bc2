"""Zeros of known structures: which group is chosen, what is said, and that the numbers stay right."""

import re
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import pytest
import torch
from cases import Net
from torch import nn
from torch.nn import functional as F

import rt3d_mlir
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.pack.choose_groups import ChooseGroups
from rt3d_mlir.passes.packing_report import Report
from rt3d_mlir.passes.pipeline import run_pipeline
from rt3d_mlir.sparsity import GroupSize, MaskSet, expand
from rt3d_mlir.targets import get_target

CLIP = (1, 8, 4, 16, 16)
KEPT = 0.25


def keep(structure: str, shape: tuple[int, ...]) -> np.ndarray:
    """One bit a weight: KGS in groups as of "8x4", "filters", "channels", "random" single weights, or "dense"."""
    rng = np.random.default_rng(0)
    kept = np.zeros(shape, np.bool_)
    if structure == "filters":
        kept[rng.permutation(shape[0])[: round(KEPT * shape[0])]] = True
    elif structure == "channels":
        kept[:, rng.permutation(shape[1])[: round(KEPT * shape[1])]] = True
    elif structure in ("random", "dense"):
        kept = rng.random(shape) < (KEPT if structure == "random" else 1)
    else:
        group = GroupSize.parse(structure)
        kept = expand(rng.random(group.mask_shape(shape)) < KEPT, shape, group)
    return kept


def chain(structure: str) -> nn.Module:
    """Two convs, the second pruned; a third behind it, so that its filters may change places."""
    net = nn.Sequential(
        nn.Conv3d(8, 32, 1), nn.ReLU(), nn.Conv3d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2), nn.Conv3d(64, 4, 1)
    )
    numerics.draw(net, "8x4", "integers")
    with torch.no_grad():
        net[2].weight[net[2].weight == 0] = 1  # type: ignore[index]
        net[2].weight *= torch.from_numpy(keep(structure, tuple(net[2].weight.shape)))  # type: ignore[union-attr]
    return net


def residual() -> nn.Module:
    """Three convs whose filters a residual sum ties to one order, with the same ones dead."""
    net = Net(
        lambda net, x: net.d(F.relu(net.c(F.relu(net.b(net.a(x)))) + net.a(x))),
        a=nn.Conv3d(8, 64, 1),
        b=nn.Conv3d(64, 64, 3, padding=1),
        c=nn.Conv3d(64, 64, 1),
        d=nn.Conv3d(64, 5, 1),
    )
    numerics.draw(net, "8x4", "integers")
    with torch.no_grad():
        for layer in (net.a, net.c):
            layer.weight *= torch.from_numpy(keep("filters", tuple(layer.weight.shape)))  # type: ignore[operator, arg-type]
    return net


def report(model: nn.Module, masks: MaskSet | None = None) -> Report:
    return rt3d_mlir.export(model, (torch.zeros(CLIP),), masks=masks, winograd=False).report("cortex-a76")


@pytest.mark.parametrize(
    ("structure", "group", "share"),
    [
        ("8x4", "", KEPT),  # the target's own
        ("32x8", "", KEPT),
        ("8x1", "8x1", KEPT),
        ("64x1", "8x1", KEPT),
        ("8x2", "8x2", KEPT),
        ("4x4", "4x4", KEPT),
        ("channels", "8x1", KEPT),
        ("filters", "", KEPT),  # 16 of 64 are two rows, once they are side by side
        ("1x4", "4x4", 1 - (1 - KEPT) ** 4),  # a NEON register, in which one of four filters has to be kept
        ("random", "", 1),
        ("dense", "", 1),
    ],
)
def test_choice(structure: str, group: str, share: float):
    layer = report(chain(structure)).layers[1]
    assert layer.reason == (f"packed in groups of {group}" if group else "")
    assert layer.macs_after / layer.macs_before == pytest.approx(share, abs=0.02)


def test_what_brings_nothing_is_said_once():
    net = nn.Sequential(nn.Conv3d(8, 32, 3), nn.Conv3d(32, 32, (1, 3, 3)), nn.Conv3d(32, 32, 1)).eval()
    with torch.no_grad():
        for layer in (net[0], net[1]):
            layer.weight *= torch.from_numpy(keep("random", tuple(layer.weight.shape)))  # type: ignore[operator, arg-type]
    notes = [note for note in report(net).notes if note.pass_name == "choose-groups"]
    assert [note.layer for note in notes] == ["0, 1"]
    assert "75% of the weights are zero, but no group" in notes[0].reason


def test_winograd_takes_all_weights_where_it_is_faster():
    net = chain("random")
    with torch.no_grad():
        net[2].weight[:8, :4] = 0  # type: ignore[index, operator]
    exported = rt3d_mlir.export(net, (torch.zeros(CLIP),)).report("cortex-a76")
    assert exported.layers[1].reason.startswith("Winograd")
    assert exported.layers[1].kept_share == 1
    assert report(net).layers[1].kept_share < 1  # where Winograd is off, its zero blocks are left out


def test_no_order_changes_what_the_model_returns():
    net = chain("filters")[:4]
    kept = report(net).layers[1].kept_share
    assert kept > 0.5  # the filters stay where they were, and few rows are dead


def test_a_residual_sum_has_one_order():
    kept = {layer.name: layer.kept_share for layer in report(residual()).layers}
    assert kept == {"a": KEPT, "b": 1, "c": KEPT, "d": 1}


@pytest.mark.parametrize(("group", "found"), [("8x4", False), ("4x4", True)])
def test_masks_decide_the_group_unless_they_fill_half_of_a_register(group: str, found: bool):
    net, size = chain("8x1"), GroupSize.parse(group)
    name, shape = "2.weight", tuple(net[2].weight.shape)  # type: ignore[index, union-attr]
    masks = MaskSet(size, "kgs", {name: np.ones(size.mask_shape(shape), np.bool_)}, {name: shape})
    assert (report(net, masks).layers[1].kept_share < 0.6) is found  # 8x1 leaves a quarter


def test_masks_of_single_filters_fill_registers():
    net = chain("dense")
    name, shape = "2.weight", tuple(net[2].weight.shape)  # type: ignore[index, union-attr]
    single = GroupSize(1, 4)
    mask = keep("filters", shape)[:, ::4]
    layer = report(net, MaskSet(single, "filter", {name: mask}, {name: shape})).layers[1]
    assert layer.kept_share == KEPT
    assert layer.reason == ""


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize(("filters", "group"), [(4, (4, 4)), (8, None), (16, None)])
def test_filters_that_are_not_there_count_as_zeros(filters: int, group: tuple[int, int] | None, dense: bool):
    model = nn.Conv3d(8, filters, 3, bias=False)
    numerics.draw(model, "8x4", "integers")
    with ir.Context(), ir.Location.unknown():
        module, weights = import_torch(model.eval(), (torch.zeros(CLIP),))
        run_pipeline(module, [ChooseGroups(get_target("cortex-a76"), winograd=False, dense=dense)], State(weights))
        found = re.findall(r"kgs_group = {group = array<i64: (\d+), (\d+)>", str(module))
    assert found == ([] if group is None else [tuple(map(str, group))])


def narrow() -> nn.Module:
    """Dense layers whose filters fill no group of the target's, one of them with channels that fill no block."""
    net = nn.Sequential(nn.Conv3d(8, 6, 3, padding=1), nn.ReLU(), nn.Conv3d(6, 40, 1), nn.ReLU(), nn.Conv3d(40, 12, 1))
    numerics.draw(net, "8x4", "integers")
    return net


STRUCTURES = ("16x1", "8x2", "4x4", "filters")
SMALL = (1, 8, 2, 6, 10)


@pytest.mark.parametrize(
    ("upto", "target", "dtype"),
    [
        ("block-layout", "host", "f32"),
        ("schedule-cpu", "host", "f32"),
        ("schedule-cpu", "cortex-a76", "f32"),
        ("schedule-cpu", "cortex-a76", "f16"),
    ],
)
def test_numbers(upto: str, target: str, dtype: str, tmp_path: Path):
    nets = {f"part-{name}": chain(name) for name in STRUCTURES} | {"residual": residual(), "narrow": narrow()}
    model = numerics.Several(nets).eval()
    inputs = [numerics.draw_input(SMALL, "integers", seed) for seed in range(len(nets))]
    group = str(get_target(target).group)
    built = numerics.build(model, inputs, tmp_path, group, upto, target, dtype=dtype, choose=True)
    for name, ours, expected in zip(
        nets, built.run([x.numpy() for x in inputs]), numerics.reference(model, inputs), strict=True
    ):
        assert numerics.relative_error(ours, expected) <= (0 if dtype == "f32" else 5e-3), name
