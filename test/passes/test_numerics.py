"""Every floor against PyTorch in float64: exact on integers, within rounding on random numbers."""

import functools
from dataclasses import dataclass
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import pytest
import torch
from cases import (
    Case,
    Net,
    activations,
    attention,
    batch_norms,
    channel_moves,
    channel_norms,
    conv,
    convs,
    expressions,
    foreign,
    graphs,
    grouped,
    over_channels,
    placed,
    planar,
    relu_after,
    resampled,
    upsampled,
)
from torch import nn
from torch.nn import functional as F

from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.targets import get_target

#: Relative to the output's range. Of f16, inputs, weights, each chunk's sums and each layer's output have 11 bits, and
#: a case has up to four layers: what is seen is up to 3e-3. Of bf16 they have 8 bits, but for the sums.
TOLERANCES = {"f32": 1e-5, "f16": 5e-3, "bf16": 3e-2}
#: Whole numbers up to this one have no rounding.
MOST = {"f32": 2**24, "f16": 2**11, "bf16": 2**8}


#: What works over channels at all before the first conv: the input is not blocked yet, and IREE computes it.
AT_THE_ENTRY = ("over-layer-norm-of-the-input", "last-start")


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
    dtype: str = "f32"
    #: What other suites show for the most part, on another target or with another group.
    slow: bool = False
    #: Of its cases each so-many-th is run; the others are slow.
    every: int = 1

    @property
    def inputs(self) -> list[str]:
        """Kinds of inputs that it runs on."""
        if self.dtype != "f32":
            return list(dict.fromkeys((self.kind, "random")))
        return [self.kind] if self.target != "host" else [self.kind, "block"]

    @property
    def cases(self) -> dict[str, Case]:
        found = {name: case for family in self.families for name, case in _family(family).items()}
        return {name: case for name, case in found.items() if case.exact or self.kind == "random"}

    def __str__(self) -> str:
        extra = [self.target] * (self.target != "host") + ["dense"] * self.dense + [name for name, _ in self.limits]
        return "-".join([self.floor, self.group, self.kind, *extra, *([self.dtype] * (self.dtype != "f32"))])


#: Where families of cases are.
FAMILIES = (
    convs,
    graphs,
    planar,
    grouped,
    placed,
    activations,
    batch_norms,
    channel_moves,
    channel_norms,
    expressions,
    foreign,
    over_channels,
    attention,
    resampled,
    upsampled,
)
EXACT = ("kernels", "axes", "widths", "channels", "epilogues", "graphs", "planar")
#: Besides 8x4: whole registers, one block a row, blocks of 4 and 2 and 1, and blocks of 8.
GROUPS = ("16x4", "32x4", "4x4", "4x8", "6x4", "5x3", "8x8")
SUITES = [
    Suite("integers", "8x4", "place-activations", ("graphs",)),
    Suite("integers", "8x4", "schedule-cpu", EXACT),
    Suite("integers", "8x4", "pack-kgs", ("kernels", "axes", "channels")),
    Suite("random", "8x4", "schedule-cpu", ("rounded", "normalized")),
    *(
        Suite("integers", group, "schedule-cpu", ("channels",), slow=group in ("32x4", "4x4", "6x4", "4x8", "8x8"))
        for group in GROUPS
    ),
    Suite("integers", "6x4", "schedule-cpu", ("epilogues",), slow=True),
    Suite("integers", "8x4", "schedule-cpu", ("channels",), dense=True),
    Suite("integers", "6x4", "place-activations", ("channels",), dense=True, slow=True),
    # What large layers do: weights too large for a shared cache, and for a core's own, in one chunk and in several.
    Suite("integers", "8x4", "schedule-cpu", ("widths", "channels"), limits=(("shared_cache", 0),), slow=True),
    Suite("integers", "8x4", "schedule-cpu", ("kernels", "widths"), limits=(("core_cache", 0), ("stack", 1536))),
    Suite(
        "integers",
        "16x4",
        "schedule-cpu",
        ("kernels", "widths"),
        limits=(("core_cache", 0), ("shared_cache", 0)),
        slow=True,
    ),
    Suite("integers", "8x4", "schedule-cpu", ("kernels", "widths", "channels"), target="cortex-a76"),
    Suite("integers", "8x4", "schedule-cpu", ("widths",), target="cortex-a76", limits=(("core_cache", 0),), slow=True),
    Suite("integers", "8x4", "schedule-cpu", ("grouped", "windows")),
    Suite("integers", "8x8", "schedule-cpu", ("grouped",), slow=True),
    Suite("integers", "8x4", "schedule-cpu", ("grouped",), target="cortex-a76", slow=True),
    Suite("integers", "8x4", "place-activations", ("placed",), slow=True),
    Suite("integers", "8x4", "schedule-cpu", ("placed",)),
    Suite("random", "8x4", "schedule-cpu", ("pooled",)),
    Suite("random", "8x4", "place-activations", ("channel_norms",), slow=True),
    Suite("random", "8x4", "schedule-cpu", ("channel_norms",), every=2),
    Suite("random", "8x8", "schedule-cpu", ("channel_norms",), slow=True),
    Suite("random", "8x4", "schedule-cpu", ("channel_norms",), target="cortex-a76", slow=True),
    # What other people's networks have: left to IREE or evaluated, between layers that are packed.
    Suite("integers", "8x4", "schedule-cpu", ("transposed", "moved", "moved_weights"), every=2),
    Suite("integers", "8x4", "schedule-cpu", ("upsampled",), every=2),
    Suite("integers", "8x4", "place-activations", ("transposed", "upsampled"), slow=True),
    Suite("integers", "16x4", "schedule-cpu", ("transposed", "upsampled"), slow=True),
    Suite("integers", "5x3", "schedule-cpu", ("transposed",), slow=True),
    Suite(
        "integers", "8x4", "schedule-cpu", ("transposed",), limits=(("core_cache", 0), ("shared_cache", 0)), slow=True
    ),
    Suite("random", "8x4", "schedule-cpu", ("upsampled_rounded",), every=2),
    Suite("random", "8x4", "schedule-cpu", ("upsampled", "upsampled_rounded"), target="cortex-a76", slow=True),
    Suite(
        "random", "8x4", "schedule-cpu", ("transposed", "upsampled_rounded"), target="cortex-a76", dtype="f16", every=4
    ),
    Suite("integers", "8x4", "schedule-cpu", ("channel_moves",)),
    Suite("integers", "8x8", "schedule-cpu", ("channel_moves",), slow=True),
    Suite("integers", "8x4", "place-activations", ("channel_moves",), slow=True),
    Suite("random", "8x4", "schedule-cpu", ("channel_moves",), target="cortex-a76", dtype="f16", every=4, slow=True),
    Suite("integers", "8x4", "place-activations", ("resampled",), slow=True),
    Suite("integers", "8x4", "schedule-cpu", ("resampled",), every=2),
    Suite("random", "8x4", "schedule-cpu", ("interpolated",), every=2),
    Suite("integers", "8x8", "schedule-cpu", ("resampled",), slow=True),
    Suite("random", "8x4", "schedule-cpu", ("resampled", "interpolated"), target="cortex-a76", slow=True),
    Suite(
        "random",
        "8x4",
        "schedule-cpu",
        ("resampled", "interpolated"),
        target="cortex-a76",
        dtype="f16",
        every=4,
        slow=True,
    ),
    Suite("random", "8x4", "schedule-cpu", ("foreign", "computed_weights"), every=2),
    Suite("random", "8x4", "schedule-cpu", ("transposed",), target="cortex-a76", slow=True),
    Suite("random", "8x4", "schedule-cpu", ("moved", "foreign"), target="cortex-a76", slow=True),
    Suite("random", "8x4", "schedule-cpu", ("attention", "recurrent"), slow=True),
    Suite("random", "8x4", "schedule-cpu", ("normed",)),
    Suite("random", "8x4", "schedule-cpu", ("windowed",), slow=True),
    Suite("random", "8x4", "schedule-cpu", ("normed",), target="cortex-a76", slow=True),
    Suite("random", "8x4", "schedule-cpu", ("windowed",), target="cortex-a76", slow=True),
    Suite("units", "8x4", "schedule-cpu", ("placed",), target="cortex-a76", dtype="f16"),
    Suite("random", "8x4", "schedule-cpu", ("pooled",), target="cortex-a76", dtype="f16"),
    # f16: floor 2 and the kernels; one register of filters and two; sums on the stack, in chunks of several rows.
    Suite("units", "8x4", "narrow-f16", ("channels",), target="cortex-a76", dtype="f16", slow=True),
    Suite("units", "8x4", "schedule-cpu", ("kernels", "channels"), target="cortex-a76", dtype="f16"),
    Suite("units", "8x4", "schedule-cpu", ("graphs",), target="cortex-a76", dtype="f16", slow=True),
    Suite("units", "16x4", "schedule-cpu", ("widths",), target="cortex-a76", dtype="f16", slow=True),
    Suite("units", "8x4", "narrow-f16", ("grouped",), "cortex-a76", dtype="f16", slow=True),
    Suite("units", "8x4", "schedule-cpu", ("grouped",), "cortex-a76", dtype="f16", slow=True),
    Suite(
        "units", "8x4", "schedule-cpu", ("widths",), "cortex-a76", limits=(("core_cache", 0),), dtype="f16", slow=True
    ),
    Suite("random", "8x4", "schedule-cpu", ("rounded",), target="cortex-a76", dtype="f16", slow=True),
    Suite("random", "8x4", "schedule-cpu", ("channel_norms",), target="cortex-a76", dtype="f16", every=3),
    # bf16: one register of filters, two, half of one and a quarter.
    Suite("units", "16x4", "schedule-cpu", ("kernels",), dtype="bf16"),
    Suite("random", "32x4", "schedule-cpu", ("channels", "widths"), dtype="bf16"),
    Suite("random", "8x4", "schedule-cpu", ("graphs", "grouped"), dtype="bf16", every=2, slow=True),
    Suite("random", "4x4", "schedule-cpu", ("channels",), dtype="bf16", slow=True),
    Suite(
        "random",
        "16x4",
        "schedule-cpu",
        ("pooled", "channel_norms", "upsampled_rounded"),
        dtype="bf16",
        every=5,
        slow=True,
    ),
    Suite("random", "16x4", "schedule-cpu", ("over_channels",), dtype="bf16", every=5, slow=True),
    Suite("random", "8x8", "schedule-cpu", ("placed", "interpolated"), dtype="bf16", every=3, slow=True),
    Suite("random", "8x4", "place-activations", ("over_channels",), slow=True),
    Suite("random", "8x4", "schedule-cpu", ("over_channels",), every=2),
    Suite("random", "8x8", "schedule-cpu", ("over_channels",), slow=True),
    Suite("random", "6x3", "schedule-cpu", ("over_channels",), slow=True),
    Suite("random", "8x4", "schedule-cpu", ("over_channels",), target="cortex-a76", slow=True),
    Suite("random", "8x4", "schedule-cpu", ("over_channels",), target="cortex-a76", dtype="f16", every=3),
    Suite("random", "8x4", "schedule-cpu", ("channels_last",), every=2),
    Suite("random", "8x4", "schedule-cpu", ("channels_last",), target="cortex-a76", dtype="f16", every=4, slow=True),
]


@functools.cache
def _family(name: str) -> dict[str, Case]:
    """Made once: each suite draws the weights anew."""
    return next(getattr(module, name) for module in FAMILIES if hasattr(module, name))()


@dataclass(frozen=True)
class Outcome:
    """A suite that ran: for each case and kind of input, what we got and what PyTorch says."""

    results: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]
    notes: list[str]
    text: str


class Bench:
    """Runs each suite once, whichever of its cases asks first: of its cases those that pytest was asked for."""

    def __init__(self, folder: Path, asked: set[tuple[Suite, str]]):
        self.folder, self.asked = folder, asked
        self.outcomes: dict[Suite, Outcome | BaseException] = {}

    def outcome(self, suite: Suite) -> Outcome:
        if suite not in self.outcomes:
            try:
                self.outcomes[suite] = self._run(suite)
            except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:  # told to each case of the suite
                self.outcomes[suite] = error
        found = self.outcomes[suite]
        if isinstance(found, BaseException):
            raise found
        return found

    def _run(self, suite: Suite) -> Outcome:
        if suite.dtype == "bf16" and not get_target("host").pairs:
            pytest.skip("this CPU has no AVX512-BF16")
        folder = self.folder / str(len(self.outcomes))
        folder.mkdir()
        whole = numerics.Several({name: case.model for name, case in suite.cases.items()})
        numerics.draw(
            whole, suite.group, suite.kind
        )  # and the inputs by the place in the suite: the same for a case alone
        names = [name for name in suite.cases if (suite, name) in self.asked] or [*suite.cases]
        model = numerics.Several({name: whole.parts[name] for name in names})
        seeds = {name: seed for seed, name in enumerate(suite.cases)}
        inputs = {
            kind: [numerics.draw_input(suite.cases[name].shape, kind, seeds[name]) for name in names]
            for kind in suite.inputs
        }
        options = (suite.group, suite.floor, suite.target, suite.dense, suite.dtype)
        built = numerics.build(model, inputs[suite.kind], folder, *options, limits=dict(suite.limits))
        results: dict[str, dict] = {name: {} for name in names}
        for kind, xs in inputs.items():
            pairs = zip(built.run([x.numpy() for x in xs]), numerics.reference(model, xs), strict=True)
            for name, pair in zip(names, pairs, strict=True):
                results[name][kind] = pair
        return Outcome(results, [str(note) for note in built.notes], built.text)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Bench:
    params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    asked = {(each["suite"], each["name"]) for each in params if isinstance(each.get("suite"), Suite)}
    return Bench(tmp_path_factory.mktemp("numerics"), asked)


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        pytest.param(suite, name, id=f"{suite}-{name}", marks=[pytest.mark.slow] * (suite.slow or i % suite.every > 0))
        for suite in SUITES
        for i, name in enumerate(suite.cases)
    ],
)
def test_against_float64(bench: Bench, suite: Suite, name: str):
    for kind, (ours, expected) in bench.outcome(suite).results[name].items():
        assert ours.dtype == np.float32
        if kind == "units" or suite.kind == "integers":
            assert np.abs(expected).max() <= MOST[suite.dtype], "the case is no test of exactness"
            np.testing.assert_array_equal(ours, expected, err_msg=f"input: {kind}")
        else:
            assert numerics.relative_error(ours, expected) < TOLERANCES[suite.dtype], kind


def test_f16_sums_are_wider_than_f16(tmp_path: Path):
    """2304 products of 1 x 1: f16 cannot count beyond 2048, f32 sums of f16 chunks can."""
    layer = conv(256, 8, (1, 3, 3), bias=False)
    with torch.no_grad():
        layer.weight.fill_(1)
    x = torch.ones(1, 256, 1, 3, 4)
    run = numerics.build(layer, [x], tmp_path, target="cortex-a76", dtype="f16").run
    np.testing.assert_array_equal(run([x.numpy()])[0], 2304)


def test_f16_overflow_is_seen(tmp_path: Path):
    """Beyond 65504 a number becomes infinite, not a wrong finite one."""
    layer = conv(4, 8, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1)
    x = torch.full((1, 4, 1, 1, 8), 300.0)
    x[..., 0], x[..., 1] = 2e4, 1e5
    (y,) = numerics.build(layer, [x], tmp_path, target="cortex-a76", dtype="f16").run([x.numpy()])
    np.testing.assert_array_equal(y[0, :, 0, 0], [[np.inf, np.inf, *[1200] * 6]] * 8)


def test_all_convs_are_packed(bench: Bench):
    """The suites above prove something only if the cases take the packed path."""
    outcome = bench.outcome(next(suite for suite in SUITES if suite.floor == "schedule-cpu"))
    assert "linalg.conv_" not in outcome.text
    assert "linalg.matmul" not in outcome.text


def test_all_grouped_convs_are_packed(bench: Bench):
    """No sum over channels is left to IREE."""
    outcome = bench.outcome(Suite("integers", "8x4", "schedule-cpu", ("grouped", "windows")))
    assert "linalg.conv_" not in outcome.text
    assert "linalg.depthwise_conv" not in outcome.text
    assert '"reduction"' not in outcome.text


@pytest.mark.parametrize("name", ["2d-quarter", "2d-pool", "1d", "lenet", "mlp-of-tokens", "3d-then-2d"])
def test_one_entry_and_one_exit_between_planar_layers(name: str):
    text, notes = _rewrite(_family("planar")[name])
    assert text.count("flow.dispatch @block_layout") == 1
    assert text.count("flow.dispatch @channel_layout") == 1
    assert notes == []


@pytest.mark.parametrize("name", ["depthwise-chain", "depthwise-pool", "chain-2d", "shuffle", "groups-twice"])
def test_nothing_is_converted_around_a_grouped_conv(name: str):
    text, notes = _rewrite(_family("grouped")[name])
    assert text.count("flow.dispatch @block_layout") == 1
    assert text.count("flow.dispatch @channel_layout") == 1
    assert "linalg.generic" not in text
    assert notes == []


@pytest.mark.parametrize(
    ("family", "name"),
    [
        *(("upsampled_rounded", name) for name in ("small-unet", "small-unet-normed", "2d-batch-norm-behind", "gate")),
        *(("upsampled", name) for name in ("two-odd-ones", "joined-cut", "several-readers", "pixel-shuffle")),
        *(("transposed", name) for name in ("k3s2-cut", "one-filter", "k2s2-wide-groups", "2d-cut-in-between")),
    ],
)
def test_nothing_is_left_around_a_transposed_conv(family: str, name: str):
    """Neither the interleaving nor what stands behind it."""
    text, notes = _rewrite(_family(family)[name], kind="random")
    assert text.count("flow.dispatch @block_layout") == 1
    assert text.count("flow.dispatch @channel_layout") == 1
    assert "linalg." not in text.replace("#linalg", "").replace("linalg.fill", "")
    assert notes == []


@pytest.mark.parametrize(
    ("family", "name"),
    [
        *(("over_channels", name) for name in over_channels.over_channels()),
        *(("channels_last", name) for name in over_channels.channels_last()),
    ],
)
def test_what_works_over_channels_stays_blocked(family: str, name: str):
    """One conversion on entry and one on exit; a transpose where the net begins or ends channels-last."""
    text, notes = _rewrite(_family(family)[name], kind="random")
    assert text.count("flow.dispatch @block_layout") == 1
    assert text.count("flow.dispatch @channel_layout") == 1
    assert ("linalg.generic" in text) == (name in AT_THE_ENTRY)
    assert ("linalg.transpose" in text) == (name in ("last-softmax", "last-end", "last-start"))
    assert notes == []


def test_argmax(tmp_path: Path):
    """The first of the largest, on whole numbers, many of which are alike; NaN is the largest. A kernel finds it."""
    model = Net(lambda net, x: net.a(x).argmax(1), a=conv(5, 7, 1))
    numerics.draw(model, "8x4", "integers")
    x = numerics.draw_input((2, 5, 4, 5, 6), "integers")
    x[0, 0, 0, 0, 0] = torch.nan
    built = numerics.build(model, [x], tmp_path)
    np.testing.assert_array_equal(built.run([x.numpy()])[0], model(x).numpy())
    assert built.notes == []
    assert built.text.count("flow.dispatch @channels") == 1
    assert '"reduction"' not in built.text


def test_the_largest_channels_with_their_numbers(tmp_path: Path):
    model = Net(lambda net, x: net.a(x).max(1)[1].float() + net.a(x).min(1)[0], a=conv(5, 7, 1))
    numerics.draw(model, "8x4", "integers")
    x = numerics.draw_input((1, 5, 4, 5, 6), "integers")
    built = numerics.build(model, [x], tmp_path)
    np.testing.assert_array_equal(built.run([x.numpy()])[0], model(x).detach().numpy())


def test_a_layer_norm_is_one_kernel():
    """Its means, deviations and arithmetic, the activation behind it too; x is read once."""
    text, _ = _rewrite(_family("over_channels")["over-layer-norm-plane"], kind="random")
    assert text.count("flow.dispatch @channels") == 1
    assert text.count("flow.dispatch @") == 5


@pytest.mark.parametrize(
    ("family", "name"),
    [
        *(("moved_weights", name) for name in expressions.moved_weights()),
        *(("computed_weights", name) for name in expressions.computed_weights()),
    ],
)
def test_weights_that_are_computed_are_packed(family: str, name: str):
    text, notes = _rewrite(_family(family)[name], kind="random")
    assert "linalg." not in text.replace("#linalg", "").replace("linalg.fill", "")
    assert notes == []


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("placed", "integers"),
        ("pooled", "random"),
        ("channel_moves", "integers"),
        ("resampled", "integers"),
        ("interpolated", "random"),
    ],
)
def test_nothing_is_left_between_the_kernels(bench: Bench, family: str, kind: str):
    """All of residuals, concatenations, average pools, gates and activations are kernels' business."""
    suite = Suite(kind, "8x4", "schedule-cpu", (family,))
    outcome = bench.outcome(next(each for each in SUITES if str(each) == str(suite) and each.families == (family,)))
    assert outcome.text.count("flow.dispatch @block_layout") == len(outcome.results)
    assert "linalg.generic" not in outcome.text
    assert outcome.notes == []


@pytest.mark.parametrize(("family", "name"), [("resampled", "unet-nearest"), ("interpolated", "unet-trilinear")])
def test_a_u_net_is_converted_on_entry_and_on_exit(family: str, name: str):
    """What comes up is resized to the size of what stayed, and joined with it: one dispatch into the concatenation."""
    text, notes = _rewrite(_family(family)[name], kind="random")
    assert text.count("flow.dispatch @block_layout") == 1
    assert text.count("flow.dispatch @channel_layout") == 1
    assert text.count("flow.dispatch @resample") == 1
    assert "linalg.generic" not in text
    assert "tensor.insert_slice" not in text
    assert notes == []


def test_one_entry_and_one_exit_between_pruned_layers():
    case = _family("channels")["quarter-chain"]
    text, notes = _rewrite(case)
    assert text.count("flow.dispatch @block_layout") == 1
    assert text.count("flow.dispatch @channel_layout") == 1
    assert notes == []


@pytest.mark.parametrize(
    "name", ["batch-norm", "batch-norm-bias", "batch-norm-one-plane", "batch-norm-shared", "batch-norm-grouped"]
)
def test_batch_norms_are_folded(name: str):
    """Nothing is left beside the dispatches but the exit."""
    text, notes = _rewrite(_family("normalized")[name], kind="random")
    assert "linalg.generic" not in text
    assert notes == []


def test_weights_that_are_cut_out_of_one_parameter_are_packed():
    text, notes = _rewrite(_family("graphs")["weights-of-one-parameter"])
    assert "linalg.conv" not in text
    assert notes == []


@pytest.mark.parametrize(
    ("family", "name", "note"),
    [
        ("rounded", "adaptive-unequal", "block-layout: linalg.generic: it has no blocked form"),
        (
            "normalized",
            "batch-norm-two-users",
            "fold-batch-norm: c.weight: the conv before the batch norm has other users",
        ),
    ],
)
def test_an_op_off_the_path_is_named(family: str, name: str, note: str):
    case = _family(family)[name]
    _, notes = _rewrite(case, kind="random")
    assert any(found.startswith(note) for found in notes), notes


@pytest.mark.parametrize("pool", [nn.MaxPool3d((1, 2, 2)), nn.MaxPool3d(3, 1, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2))])
@pytest.mark.parametrize("channels", [8, 5])
def test_nan_goes_where_pytorch_lets_it_go(tmp_path: Path, channels: int, pool: nn.Module):
    """One NaN in a dense net: through ReLU, pool and padding; not out of its receptive field."""
    model = nn.Sequential(relu_after(conv(channels, channels, padding=1)), pool, conv(channels, 4, padding=1))
    numerics.draw(model, "8x4", "random")
    x = numerics.draw_input((1, channels, 6, 12, 16), "random")
    x[0, 1, 2, 3, 4] = torch.nan
    built = numerics.build(model, [x], tmp_path)
    (ours,), (expected,) = built.run([x.numpy()]), numerics.reference(model, [x])
    assert np.isnan(expected).any()
    assert not np.isnan(expected).all()
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    finite = ~np.isnan(expected)
    assert numerics.relative_error(ours[finite], expected[finite]) < TOLERANCES["f32"]


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
    assert np.abs(our_error).max() < TOLERANCES["f32"] * np.abs(expected).max()


def _rewrite(case: Case, kind: str = "integers") -> tuple[str, list[str]]:
    """The IR of floor 3 and what the passes refused; it is not compiled."""
    numerics.draw(case.model, "8x4", kind)
    with ir.Context(), ir.Location.unknown():
        text, notes = numerics.rewrite(*import_torch(case.model, (numerics.draw_input(case.shape, kind),)))
    return text, [str(note) for note in notes]
