"""Every floor against PyTorch in float64: exact on integers, within rounding on random numbers."""

import functools
from dataclasses import dataclass
from pathlib import Path

import cases
import numerics
import numpy as np
import pytest
import torch
from cases import Case, Net, conv, relu_after
from torch import nn
from torch.nn import functional as F

from rt3d_mlir.passes import cpu_conv

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Suite:
    """Cases that share one export and one iree-compile."""

    kind: str
    group: str
    floor: str
    families: tuple[str, ...]
    target: str = "host"
    dense: bool = False
    limits: tuple[tuple[str, int], ...] = ()

    @property
    def cases(self) -> dict[str, Case]:
        found = {name: case for family in self.families for name, case in _family(family).items()}
        return {name: case for name, case in found.items() if case.exact or self.kind == "random"}

    def __str__(self) -> str:
        extra = [self.target] * (self.target != "host") + ["dense"] * self.dense + [name for name, _ in self.limits]
        return "-".join([self.floor, self.group, self.kind, *extra])


EXACT = ("kernels", "widths", "channels", "epilogues", "graphs")
#: Besides 8x4: whole registers, one block a row, blocks of 4 and 2 and 1, and blocks of 8.
GROUPS = ("16x4", "32x4", "4x4", "4x8", "6x4", "5x3", "8x8")
SUITES = [
    *(Suite("integers", "8x4", floor, EXACT) for floor in ("fuse-epilogue", "block-layout", "schedule-cpu")),
    Suite("integers", "8x4", "pack-kgs", ("kernels", "channels")),
    *(Suite("random", "8x4", floor, ("rounded",)) for floor in ("fuse-epilogue", "block-layout")),
    Suite("random", "8x4", "schedule-cpu", ("rounded",)),
    *(Suite("integers", group, "block-layout", ("channels",)) for group in GROUPS),
    *(Suite("integers", group, "schedule-cpu", ("channels",)) for group in GROUPS),
    Suite("integers", "6x4", "schedule-cpu", ("epilogues", "graphs")),
    Suite("random", "16x4", "schedule-cpu", ("rounded",)),
    Suite("integers", "8x4", "schedule-cpu", ("channels",), dense=True),
    Suite("integers", "6x4", "block-layout", ("channels",), dense=True),
    # What large layers do: weights too large for a shared cache, and for a core's own, in one chunk and in several.
    Suite("integers", "8x4", "schedule-cpu", ("widths", "channels"), limits=(("SHARED_CACHE", 0),)),
    Suite("integers", "8x4", "schedule-cpu", ("kernels", "widths"), limits=(("CORE_CACHE", 0), ("STACK", 1536))),
    Suite("integers", "16x4", "schedule-cpu", ("kernels", "widths"), limits=(("CORE_CACHE", 0), ("SHARED_CACHE", 0))),
    Suite("integers", "8x4", "schedule-cpu", ("kernels", "widths", "channels", "graphs"), target="cortex-a76"),
    Suite("integers", "8x4", "schedule-cpu", ("widths",), target="cortex-a76", limits=(("CORE_CACHE", 0),)),
    Suite("random", "8x4", "schedule-cpu", ("rounded",), target="cortex-a76"),
]


@functools.cache
def _family(name: str) -> dict[str, Case]:
    """Made once: each suite draws the weights anew."""
    return getattr(cases, name)()


@dataclass(frozen=True)
class Outcome:
    """A suite that ran: for each case and kind of input, what we got and what PyTorch says."""

    results: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]
    notes: list[str]
    text: str


class Bench:
    """Runs each suite once, whichever of its cases asks first."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.outcomes: dict[Suite, Outcome | BaseException] = {}

    def outcome(self, suite: Suite) -> Outcome:
        if suite not in self.outcomes:
            try:
                self.outcomes[suite] = self._run(suite)
            except Exception as error:  # told to each case of the suite
                self.outcomes[suite] = error
        found = self.outcomes[suite]
        if isinstance(found, BaseException):
            raise found
        return found

    def _run(self, suite: Suite) -> Outcome:
        folder = self.folder / str(len(self.outcomes))
        folder.mkdir()
        kinds = [suite.kind] if suite.target != "host" else [suite.kind, "block"]
        inputs = {
            kind: [numerics.draw_input(case.shape, kind, seed) for seed, case in enumerate(suite.cases.values())]
            for kind in kinds
        }
        model = numerics.Several({name: case.model for name, case in suite.cases.items()})
        numerics.draw(model, suite.group, suite.kind)
        with pytest.MonkeyPatch.context() as patch:
            for name, number in suite.limits:
                patch.setattr(cpu_conv, name, number)
            built = numerics.build(
                model, inputs[suite.kind], folder, suite.group, suite.floor, suite.target, suite.dense
            )
        results: dict[str, dict] = {name: {} for name in suite.cases}
        for kind, xs in inputs.items():
            pairs = zip(built.run([x.numpy() for x in xs]), numerics.reference(model, xs), strict=True)
            for name, pair in zip(suite.cases, pairs, strict=True):
                results[name][kind] = pair
        return Outcome(results, [str(note) for note in built.notes], built.text)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("numerics"))


@pytest.mark.parametrize(
    ("suite", "name"),
    [pytest.param(suite, name, id=f"{suite}-{name}") for suite in SUITES for name in suite.cases],
)
def test_against_float64(bench: Bench, suite: Suite, name: str):
    for kind, (ours, expected) in bench.outcome(suite).results[name].items():
        assert ours.dtype == np.float32
        if suite.kind == "integers":
            assert np.abs(expected).max() < 2**24, "the case is no test of exactness"
            np.testing.assert_array_equal(ours, expected, err_msg=f"input: {kind}")
        else:
            assert numerics.relative_error(ours, expected) < TOLERANCE, kind


def test_all_convs_are_packed(bench: Bench):
    """The suites above prove something only if the cases take the packed path."""
    outcome = bench.outcome(next(suite for suite in SUITES if suite.floor == "schedule-cpu"))
    assert "linalg.conv_3d" not in outcome.text
    assert "linalg.matmul" not in outcome.text


def test_one_entry_and_one_exit_between_pruned_layers(tmp_path: Path):
    case = cases.channels()["quarter-chain"]
    built = _build(case, tmp_path)
    assert built.text.count("flow.dispatch @block_layout") == 1
    assert built.text.count("linalg.unpack") == 1
    assert built.notes == []


@pytest.mark.parametrize("name", ["batch-norm", "batch-norm-bias", "batch-norm-one-plane", "batch-norm-shared"])
def test_batch_norms_are_folded(tmp_path: Path, name: str):
    """Nothing is left beside the dispatches but the exit."""
    built = _build(cases.rounded()[name], tmp_path, kind="random")
    assert "linalg.generic" not in built.text
    assert built.notes == []


@pytest.mark.parametrize(
    ("family", "name", "note"),
    [
        ("rounded", "avg-pool", "block-layout: linalg.generic: it has no blocked form"),
        ("graphs", "concat", "block-layout: tensor.concat: it has no blocked form"),
        ("rounded", "sigmoid-odd", "block-layout: linalg.generic: it has no blocked form"),
        (
            "rounded",
            "batch-norm-two-users",
            "fold-batch-norm: c.weight: the conv before the batch norm has other users",
        ),
    ],
)
def test_an_op_off_the_path_is_named(tmp_path: Path, family: str, name: str, note: str):
    case = getattr(cases, family)()[name]
    built = _build(case, tmp_path, kind="random")
    assert any(str(found).startswith(note) for found in built.notes), built.notes


@pytest.mark.parametrize("channels", [8, 5])
def test_nan_goes_where_pytorch_lets_it_go(tmp_path: Path, channels: int):
    """One NaN in a dense net: through ReLU, pool and padding; not out of its receptive field."""
    model = nn.Sequential(
        relu_after(conv(channels, channels, padding=1)), nn.MaxPool3d((1, 2, 2)), conv(channels, 4, padding=1)
    )
    numerics.draw(model, "8x4", "random")
    x = numerics.draw_input((1, channels, 6, 12, 16), "random")
    x[0, 1, 2, 3, 4] = torch.nan
    built = numerics.build(model, [x], tmp_path)
    (ours,), (expected,) = built.run([x.numpy()]), numerics.reference(model, [x])
    assert np.isnan(expected).any()
    assert not np.isnan(expected).all()
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    finite = ~np.isnan(expected)
    assert numerics.relative_error(ours[finite], expected[finite]) < TOLERANCE


def test_nan_in_a_pruned_channel_is_not_read(tmp_path: Path):
    """Where PyTorch computes NaN * 0, a removed tap is not computed: the documented difference."""
    layer = conv(8, 8, 1)
    numerics.draw(layer, "8x4", "random")
    with torch.no_grad():
        layer.weight[:, 4:] = 0
    x = numerics.draw_input((1, 8, 2, 3, 4), "random")
    x[:, 5] = torch.nan
    (ours,) = numerics.build(layer, [x], tmp_path).run([x.numpy()])
    assert np.isfinite(ours).all()


def test_negative_zero_and_infinity(tmp_path: Path):
    model = Net(lambda net, x: net.p(F.relu(net.c(x))), c=conv(4, 8, 1, bias=False), p=nn.MaxPool3d((1, 1, 2)))
    numerics.draw(model, "8x4", "random")
    x = torch.full((1, 4, 1, 2, 4), -0.0)
    x[0, 0, 0, 0, 0] = torch.inf
    (ours,), (expected,) = numerics.build(model, [x], tmp_path).run([x.numpy()]), numerics.reference(model, [x])
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("density", [1.0, 0.25])
def test_error_of_a_large_layer_is_no_worse_than_pytorchs(tmp_path: Path, density: float):
    """Bias and spread of the float32 error, against PyTorch's own."""
    layer = conv(64, 64, density=density, padding=1)
    numerics.draw(layer, "8x4", "random")
    x = numerics.draw_input((1, 64, 4, 14, 14), "random")
    (ours,), (expected,) = numerics.build(layer, [x], tmp_path).run([x.numpy()]), numerics.reference(layer, [x])
    with torch.no_grad():
        theirs = layer(x).numpy()
    our_error, their_error = ours - expected, theirs - expected
    assert our_error.std() < 4 * their_error.std()
    assert abs(our_error.mean()) < 4 * max(abs(their_error.mean()), their_error.std() / ours.size**0.5)
    assert np.abs(our_error).max() < TOLERANCE * np.abs(expected).max()


def _build(case: Case, folder: Path, kind: str = "integers") -> numerics.Built:
    numerics.draw(case.model, "8x4", kind)
    return numerics.build(case.model, [numerics.draw_input(case.shape, kind)], folder)
