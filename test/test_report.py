import io

from rich.console import Console

from rt3d_mlir.passes.framework.base import LayerFacts, State
from rt3d_mlir.passes.packing_report import build_report


def facts(parameter: str | None, before: int, after: int) -> LayerFacts:
    return LayerFacts(parameter, (4, 4, 1, 1, 1), before, after, kept_share=after / before)


def test_packed_and_not():
    state = State()
    state.refuse("pack-kgs", "b", "its weights are not constant")
    state.layers = {"c": facts("c.weight", 100, 50), "a": facts("a.weight", 300, 100)}
    dense = {"a.weight": 300, "b.weight": 50, "c.weight": 100, "d.weight": 50}
    report = build_report(state, dense, dict.fromkeys(dense, (4, 4)))
    assert [(layer.name, layer.packed, layer.reason) for layer in report.layers] == [
        ("a", True, ""),
        ("b", False, "its weights are not constant"),
        ("c", True, ""),
        ("d", False, "no pass knows this form of it; IREE compiles it as it is"),
    ]
    assert (report.macs_before, report.macs_after, report.rate) == (500, 250, 2.0)
    assert report.notes == state.notes


def test_layers_that_nobody_counted_follow_the_parameters():
    state = State()
    state.layers = {"conv_0": facts(None, 1, 1), "b": facts("b.weight", 1, 1), "a": facts("a.weight", 1, 1)}
    report = build_report(state, {}, {"a.weight": (4, 4), "b.weight": (4, 4)})
    assert [layer.name for layer in report.layers] == ["a", "b", "conv_0"]


def test_a_shared_parameter_has_a_row_for_each_use():
    state = State()
    state.layers = {"a": facts("a.weight", 8, 4), "a.1": facts("a.weight", 80, 40)}
    report = build_report(state, {"a.weight": 88}, {"a.weight": (4, 4)})
    assert [layer.name for layer in report.layers] == ["a", "a.1"]
    assert (report.macs_before, report.macs_after) == (88, 44)


def test_a_network_without_layers():
    report = build_report(State(), {}, {})
    assert report.rate == 0.0


def test_table():
    state = State()
    state.layers = {"a": facts("a.weight", 38_550_000_000, 19_275_000_000)}
    out = io.StringIO()
    Console(file=out, width=100).print(build_report(state, {}, {"a.weight": (64, 3, 3, 3, 3)}).table())
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[0] == ["layer", "weights", "kept", "MACs", "before", "MACs", "after"]
    assert lines[1] == ["a", "64x3x3x3x3", "50.0%", "38.550", "G", "19.275", "G", "packed"]
    assert lines[2] == ["all", "50.0%", "38.550", "G", "19.275", "G", "2.00x", "fewer"]
