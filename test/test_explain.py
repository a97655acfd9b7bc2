"""Where each op of a model went: each is named once, MACs are the model's, and what is off the path has a reason."""

import io
from pathlib import Path

import nets
import pytest
import torch
from rich.console import Console
from torch import nn
from torch.nn import functional

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.compile.exported import export_source
from rt3d_mlir.explain.explanation import FOLDED, FUSED, INSERTED, LEFT, PACKED, Explanation
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.runtime.artifact import Fate

CLIP = (1, 3, 4, 8, 8)
MIB = 2**20
PARTS = ("in its weights and epilogue", "in its epilogue", "in its kernel", "written in place by its producers")


def explain(model: nn.Module, shape: tuple[int, ...] = CLIP, **options: object) -> Explanation:
    found = rt3d_mlir.export(model.eval(), (torch.zeros(shape),), **options).explain()
    check(found)
    return found


def check(found: Explanation) -> None:
    """What holds of any model."""
    ops = [fate for fate in found.fates if fate.where != INSERTED]
    names = [fate.name for fate in ops]
    assert len(names) == len(set(names))
    assert all(bool(fate.into) == (fate.where == FUSED) for fate in found.fates)
    assert all(set(fate.into) <= {*names, "block_layout"} - {fate.name} for fate in ops)
    assert all(fate.reason for fate in found.fates)
    packed = {fate.name for fate in ops if fate.where == PACKED} | {"block_layout"}
    assert all(set(fate.into) <= packed for fate in ops)
    assert sum(found.count(where) for where in (PACKED, FUSED, FOLDED, LEFT, INSERTED)) == len(found.fates)
    assert all(fate.macs_off == (fate.macs if fate.where == LEFT else 0) or fate.in_part for fate in found.fates)
    assert all(0 <= fate.bytes_off <= fate.bytes and 0 <= fate.seconds_off <= fate.seconds for fate in found.fates)
    assert all(fate.bytes > 0 for fate in found.fates if fate.where in (PACKED, INSERTED))
    assert all(fate.bytes == fate.seconds == 0 for fate in found.fates if fate.where == FOLDED)


def by_name(found: Explanation) -> dict[str, Fate]:
    return {fate.name: fate for fate in found.fates if fate.where != INSERTED}


def names_of(model: nn.Module, shape: tuple[int, ...]) -> int:
    """How many ops torch.export sees."""
    graph = torch.export.export(model.eval(), (torch.zeros(shape),), strict=False).graph
    return sum(isinstance(node.target, torch._ops.OpOverload) for node in graph.nodes)


def test_c3d():
    clip = (1, 3, 16, 32, 32)
    model = models.build("c3d", num_classes=5, width=4, clip=clip[2:])
    found = explain(model, clip)
    rows = [(fate.name, fate.kind, fate.where, fate.into) for fate in found.fates]
    assert rows[:5] == [
        ("block_layout", "conversion", INSERTED, []),
        ("conv1", "conv3d", PACKED, []),
        ("relu", "relu", FUSED, ["conv1"]),
        ("pool1", "max_pool3d", FUSED, ["conv1"]),
        ("conv2", "conv3d", PACKED, []),
    ]
    fates = by_name(found)
    assert fates["pool1"].reason == "in its kernel: its output is never in memory"
    assert fates["conv2"].reason.endswith("padding written by conv1")
    assert fates["pool5"].where == PACKED  # it pads, which no conv's kernel does
    assert (fates["flatten"].where, fates["flatten"].reason) == (FOLDED, "moves no data")
    assert (fates["dropout"].where, fates["dropout"].reason) == (FOLDED, "computes nothing")
    layers = {fate.name: fate.macs for fate in found.fates if fate.macs}
    assert {f"{name}.weight": macs for name, macs in layers.items()} == models.count_macs(model, clip)
    assert str(found) == (
        "29 ops: 12 packed, 14 fused, 3 folded, 0 left to IREE (0.0% of the MACs); off the packed path: 0.0% of the "
        "memory traffic, 0.0% of the estimated time; 2 conversions inserted (0.5 MiB)"
    )
    assert found.warning is None


def zoo_block(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A part of a zoo model that has all kinds of its ops, behind a conv, and the shape of its input."""
    model = models.build(name, num_classes=5, **({"width": 8} if name == "r2plus1d_18" else {}))
    block, channels = {
        "r2plus1d_18": lambda: (model.layer2, 8),
        "s3d": lambda: (model.features[5], 192),
        "x3d_s": lambda: (model.blocks[1].res_blocks[0], 24),
        "movinet_a0": lambda: (model.blocks[1], 8),
    }[name]()
    return nn.Sequential(nn.Conv3d(3, channels, 1), block), (1, 3, 4, 16, 16)


@pytest.mark.parametrize("name", ["r2plus1d_18", "s3d", "x3d_s", "movinet_a0"])
def test_zoo_models(name: str):
    model, shape = zoo_block(name)
    found = explain(model, shape)
    assert sum(found.count(where) for where in (PACKED, FUSED, FOLDED, LEFT)) == names_of(model, shape)
    assert sum(fate.macs for fate in found.fates) == sum(models.count_macs(model, shape).values())
    assert found.count(LEFT) == found.count(FOLDED) == found.in_part == 0
    assert found.off_path == found.off_path_traffic == found.off_path_time == 0
    norms = [fate for fate in found.fates if fate.kind == "batch_norm"]
    assert {(fate.where, len(fate.into), fate.reason) for fate in norms} == {(FUSED, 1, PARTS[0])}
    joined = [fate for fate in found.fates if fate.kind == "cat"]
    assert {(fate.where, len(fate.into), fate.reason) for fate in joined} <= {(FUSED, 4, PARTS[3])}
    assert bool(joined) == (name == "s3d")


def test_pruned_macs_are_what_is_left():
    model = nn.Sequential(nn.Conv3d(4, 8, 3))
    with torch.no_grad():
        model[0].weight[:, :, 1:] = 0  # type: ignore[index]
    (conv,) = by_name(explain(model, (1, 4, 4, 6, 6))).values()
    assert conv.macs == 8 * 4 * 9 * 2 * 4 * 4
    assert conv.reason.startswith("33.3% kept")


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x).flatten(2)
        return torch.einsum("bct,bdt->bcd", y, y).softmax(2) @ y


class Odd(nn.Module):
    """Much that no pass knows."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 8, 3, padding=1)
        self.drop = nn.Dropout()
        self.make = nn.Linear(8, 8 * 8)
        self.up = nn.ConvTranspose3d(8, 8, 2, stride=2)
        self.grouped = nn.Conv1d(8, 8, 3, groups=2)
        self.register_buffer("mask", torch.arange(8 * 8).reshape(8, 8, 1, 1, 1) % 2 * 1.0)
        self.weight = nn.Parameter(torch.randn(8, 8, 1, 1, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.drop(self.conv(x)).relu()
        y = functional.conv3d(y, self.weight * self.mask)
        y = torch.cat([y[:, :, 1:], y[:, :, :1].tanh()], 2)
        y = functional.conv3d(y, self.make(y.mean((2, 3, 4))).view(8, 8, 1, 1, 1))
        z = self.grouped(y.flatten(2))
        with torch.no_grad():
            y = y * 2
        return functional.interpolate(self.up(y), scale_factor=1.5, mode="trilinear"), z.topk(2)[0]


def test_matmuls_between_activations_count():
    found = explain(Attention())
    fates = by_name(found)
    assert fates["einsum"].where == fates["matmul"].where == LEFT
    assert fates["einsum"].macs == fates["matmul"].macs == 8 * 8 * 4 * 8 * 8
    assert fates["einsum"].reason.startswith("no pass has a blocked form of linalg.batch_matmul")
    assert "behind softmax" in fates["matmul"].reason
    conv = 8 * 3 * 27 * 4 * 8 * 8
    assert found.off_path == pytest.approx(2 * 16384 / (2 * 16384 + conv))


def test_a_product_that_is_left_counts_where_another_part_is_a_kernel():
    """Attention's scaling of a query is a kernel; its products, which are all of its MACs, are not."""

    class OnMap(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv3d(3, 8, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.conv(x).flatten(2).transpose(1, 2)
            mapped = functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return mapped.transpose(1, 2).reshape(1, 8, 4, 8, 8)

    found = explain(OnMap())
    (attention,) = [fate for fate in found.fates if fate.kind == "scaled_dot_product_attention"]
    assert (attention.where, attention.in_part) == (PACKED, True)
    assert (
        attention.reason == "a kernel of its own; left to IREE: linalg.transpose, linalg.batch_matmul, linalg.generic"
    )
    assert attention.macs == attention.macs_off == 2 * 256 * 256 * 8
    assert found.off_path > 0.3
    assert " left to IREE (" in str(found)
    assert " and 1 in part; " in str(found)


class SumAndPool(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 32, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool3d(self.conv(x).cumsum(4), (1, 3, 3), (1, 2, 2))


def test_what_has_no_macs_counts_by_bytes_and_time():
    found = explain(SumAndPool(), (1, 3, 4, 16, 16))
    assert found.off_path == 0
    fates = by_name(found)
    row, pooled = 32 * 4 * 16 * 16 * 4, 32 * 4 * 7 * 7 * 4
    summed = 2 * row + row // 16  # the sums that it starts from
    assert (fates["cumsum"].bytes, fates["max_pool3d"].bytes) == (summed, row + pooled)
    moved = fates["conv"].bytes + found.conversion_bytes
    off = summed + row + pooled
    assert found.off_path_traffic == pytest.approx(off / (off + moved))
    assert found.off_path_time > 0.3
    assert found.warning is not None
    assert found.warning.startswith(f"{found.off_path_time:.0%} of the estimated time (0.0% of the MACs, ")


class Variances(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.conv(x)
        y = y / y.var((2, 3, 4), keepdim=True)
        return y > 1, y.flatten(2).softmax(2)


def test_other_types_are_said_in_words():
    reasons = {fate.kind: fate.reason for fate in explain(Variances()).fates}
    rest = "; kernels know float32"
    assert reasons["var"] == f"on import its variance became arithmetic in float64, for precision{rest}"
    assert reasons["gt"] == f"it makes a mask of true and false{rest}"
    assert reasons["softmax"] == "no pass has a blocked form of linalg.generic behind div"


def test_what_iree_evaluates_is_not_left_to_it():
    """Weights that are slices of a parameter: the slices are constants of the compiled module."""

    class Sliced(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8, 3, 1, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.conv3d(x, self.weight[::2])

    fates = {fate.kind: fate for fate in explain(Sliced()).fates}
    assert (fates["slice"].where, fates["slice"].reason) == (FOLDED, "evaluated when compiled")


def test_what_is_off_the_path_says_why():
    found = explain(Odd())
    fates = by_name(found)
    left = {name: fate.reason for name, fate in fates.items() if fate.where == LEFT}
    assert left.keys() >= {"cat", "conv3d_2", "topk"}
    assert left["conv3d_2"] == "fold-mask: its weights are not a constant expression"
    assert fates["grouped"].reason == "dense"
    assert fates["up"].reason.startswith("as one conv of all phases; dense")
    assert left["cat"].startswith("no pass has a blocked form of tensor.insert_slice")  # its parts are copied
    assert left["topk"] == "it computes with whole numbers, such as indices (i64); kernels know float32"
    assert fates["conv3d_1"].where == PACKED
    assert (fates["mul"].where, fates["mul"].reason) == (FOLDED, "evaluated when compiled")
    assert fates["drop"].reason == "computes nothing"
    assert all(fates[name].macs for name in ("conv3d_2", "grouped", "up", "make"))
    assert found.off_path > 0.01


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv3d(4, 4, 1), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.conv(self.act(self.conv(x))))


def test_what_runs_twice_has_two_rows():
    fates = by_name(explain(Twice(), (1, 4, 4, 4, 4)))
    rows = [(name, fate.where) for name, fate in fates.items()]
    assert rows == [("conv", PACKED), ("act", FUSED), ("conv.1", PACKED), ("act.1", FUSED)]


def test_a_gpu_has_kernels_for_both_conversions():
    model, shape = zoo_block("s3d")
    found = rt3d_mlir.export(model.eval(), (torch.zeros(shape),)).explain("vulkan-mali")
    check(found)
    assert [found.fates[place].where for place in (0, -1)] == [INSERTED, INSERTED]
    assert found.in_part == found.off_path_time == 0  # parts are put where they belong in a concatenation, by kernels


def test_f16():
    net = nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), nn.BatchNorm3d(8), nn.ReLU(), nn.Conv3d(8, 8, 1))
    found = rt3d_mlir.export(net.eval(), (torch.zeros(CLIP),), dtype="f16").explain("cortex-a76")
    check(found)
    assert [fate.where for fate in by_name(found).values()] == [PACKED, FUSED, FUSED, PACKED]


def test_onnx(tmp_path: Path):
    net = nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2), nn.Flatten(), nn.Linear(256, 5))
    path = nets.save_onnx(tmp_path / "net.onnx", net, CLIP, dynamo=False)
    found = export_source(open_source(str(path))).explain()
    check(found)
    rows = [(fate.kind, fate.where) for fate in by_name(found).values()]
    assert rows == [("Conv", PACKED), ("Relu", FUSED), ("MaxPool", FUSED), ("Flatten", FOLDED), ("Gemm", PACKED)]
    assert [fate.macs for fate in found.fates if fate.macs] == [8 * 3 * 27 * 256, 256 * 5]


def test_mlir(tmp_path: Path):
    net = nn.Sequential(nn.Conv3d(3, 8, 3), nn.ReLU())
    rt3d_mlir.export(net.eval(), (torch.zeros(CLIP),)).save_mlir(tmp_path / "net.mlir")
    found = export_source(open_source(str(tmp_path / "net.mlir"))).explain()
    check(found)
    fates = by_name(found)
    assert fates["linalg.conv_3d_ncdhw_fcdhw.0"].where == PACKED
    assert fates["linalg.conv_3d_ncdhw_fcdhw.0"].macs == 8 * 3 * 27 * 2 * 6 * 6
    assert fates["linalg.generic.0"].into == ["linalg.conv_3d_ncdhw_fcdhw.0"]


def test_the_table():
    fates = [
        Fate("conv1", "conv3d", 1_000_000, PACKED, [], "dense", 0, 2 * MIB, 0, 1.0, 0.0),
        Fate("relu", "relu", 0, FUSED, ["conv1"], "in its epilogue"),
        Fate("pool", "max_pool3d", 0, PACKED, [], "a kernel of its own", 0, MIB, MIB // 2, 2.0, 1.0, True),
        Fate("bmm", "bmm", 1_000_000, LEFT, [], "no form", 1_000_000, 5 * MIB, 5 * MIB, 5.0, 5.0),
        Fate("linalg.unpack", "conversion", 0, INSERTED, [], "by IREE", 0, 4 * MIB, 0, 2.0, 2.0),
    ]
    out = io.StringIO()
    Console(file=out, width=100).print(Explanation(fates).table())
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[1] == ["conv1", "conv3d", "1.000", "M", "2.00", "MiB", "packed", "dense"]
    assert lines[3] == ["pool", "max_pool3d", "1.00", "MiB", "packed", "in", "part", "a", "kernel", "of", "its", "own"]
    assert lines[2][2:] == ["fused", "into", "conv1", "in", "its", "epilogue"]
    assert str(Explanation(fates)) == (
        "4 ops: 2 packed, 1 fused, 0 folded, 1 left to IREE (50.0% of the MACs) and 1 in part; off the packed path: "
        "45.8% of the memory traffic, 80.0% of the estimated time; 1 conversion inserted (4.0 MiB)"
    )
    assert Explanation(fates).numbers() == {
        "left": 1,
        "left_in_part": 1,
        "macs": 0.5,
        "memory_traffic": pytest.approx(5.5 / 12),
        "estimated_time": 0.8,
        "conversions": 1,
        "conversion_bytes": 4 * MIB,
    }
    shares = "50.0% of the MACs, 45.8% of the memory traffic"
    assert Explanation(fates).warning == (
        f"80% of the estimated time ({shares}) is off the packed path and will be slow; --explain lists the ops"
    )
