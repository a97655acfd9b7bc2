"""Some random networks on floors 2 and 3, some of them for aarch64 and Vulkan; and that the fuzzer sees and shrinks."""

import aarch64
import numpy as np
import pytest
import vulkan
from fuzz import judge, nets
from fuzz.batches import BATCH, Case, Verdict, draw_case, run, shrink
from fuzz.expectation import Expectation, as_cast, drawn, drawn_inputs
from fuzz.nets import Conv, Literal, Meet, Net, Pad, Pool
from fuzz.run import describe

#: The same each time, so that a failure is about a change; `make fuzz` draws others. Three of a batch for the host, for
#: aarch64, for Vulkan and for aarch64 in f16.
SEED = 1
CASES = [batch * BATCH + i for batch in (0, 2, 5, 9) for i in range(3)]


def test_random_nets():
    aarch64.command()
    vulkan.driver()
    wrong = [verdict for verdict in run(SEED, CASES, 1) if verdict.wrong]
    assert not wrong, "\n".join(describe(verdict, SEED) for verdict in wrong)


def test_a_case_is_always_the_same():
    assert draw_case(7, 30) == draw_case(7, 30)
    assert len({draw_case(7, index).net for index in range(20)}) == 20


@pytest.mark.parametrize("index", range(5))
def test_a_description_is_the_python_that_makes_it(index: int):
    net = draw_case(3, index).net
    assert eval(repr(net), vars(nets)) == net


@pytest.mark.parametrize(
    ("net", "exact"),
    [
        (Net((1, 4, 2, 3, 4), (Conv(3, (1, 2, 2)), Pool("avg", (1, 1, 2)))), True),
        (Net((1, 4, 2, 3, 4), (Conv(3, (1, 2, 2), norm=True),), kind="random"), False),
        # 20 * 343 times larger with each layer, beyond 2**24.
        (Net((1, 20, 7, 7, 7), (Conv(20, (7, 7, 7), padding=((3, 3),) * 3),) * 3, kind="ones"), False),
    ],
)
def test_one_wrong_number_is_seen(net: Net, exact: bool):
    setting = judge.Setting("4x4")
    model, inputs = drawn(net, setting.dtype), drawn_inputs(net, setting.dtype)
    expectation = Expectation(model, as_cast(net, inputs), net, setting.dtype, setting.tile)
    assert expectation.exact is exact
    right = [y.astype("float32") for y in expectation.outputs]
    assert expectation.compare(right, "floor") == ""
    right[0].reshape(-1)[-1] += 1e-4 * abs(right[0]).max() + exact * 1e-7
    assert expectation.compare(right, "floor").startswith("floor: output 0[")


def test_the_wider_world_is_drawn():
    """Each kind of op, type of input and kind of output; half of the networks are as they were before."""
    found = [draw_case(11, index).net for index in range(600)]
    names = {type(op).__name__ for net in found for op in net.walk()}
    assert names == set(nets.__all__) - {"Net"}
    modes = {op.mode for net in found for op in net.walk() if isinstance(op, Pad)}
    assert modes == {"constant", "replicate", "reflect", "circular"}
    takes = {net.takes for net in found}
    assert takes == {*("float32", "float16", "float64", "uint8", "int8", "int32", "int64", "bool")}
    assert {net.gives for net in found} == {"", "argmax", "positive", "total", "none"}
    assert {len(net.inputs()) for net in found} == {1, 2, 3}
    wide = ("Conv", "Pool", "Join", "Gate", "Frames", "Squeeze", "Linear")
    assert sum(all(type(op).__name__ in wide for op in net.walk()) for net in found) > 200


def test_a_camera_in_its_own_type_is_expected_as_pytorch_says():
    net = Net((1, 3, 4, 5), (Conv(4, (1, 1)), Meet("mul", takes="uint8")), takes="uint8", gives="positive")
    inputs = drawn_inputs(net, "f32")
    expectation = Expectation(drawn(net, "f32"), as_cast(net, inputs), net, "f32", 0)
    assert [str(x.dtype) for x in inputs] == ["torch.uint8", "torch.uint8"]
    assert [y.dtype for y in expectation.outputs] == [bool, bool]
    flipped = [~expectation.outputs[0], expectation.outputs[1]]
    assert "are wrong" in expectation.compare(flipped, "floor")
    assert expectation.compare(expectation.outputs, "floor") == ""


def test_what_half_precision_does_not_hold_is_infinite():
    net = Net(
        (1, 4, 9, 9), (Conv(16, (3, 3)), Literal("times", (40.0,))), kind="random", takes="float16", gives="total"
    )
    inputs = [x * 40 for x in drawn_inputs(net, "f32")]
    expectation = Expectation(drawn(net, "f32"), inputs, net, "f32", 0)
    given = [expectation.outputs[0].astype(np.float16), np.array(np.inf, np.float16)]
    assert expectation.compare(given, "floor") == ""
    assert "are wrong" in expectation.compare([given[0], np.array(65504, np.float16)], "floor")


class _NoLiterals:
    """A worker that finds all nets wrong that multiply by a tensor literal."""

    def judge(self, cases: list[Case]) -> list[Verdict]:
        (case,) = cases
        found = any(isinstance(op, Literal) and op.kind == "times" for op in case.net.walk())
        return [Verdict(case, "literal" if found else "")]


def test_a_failure_of_the_wider_world_is_shrunk():
    worker = _NoLiterals()
    failing = next(found for i in range(200) for found in worker.judge([draw_case(5, i)]) if found.wrong)
    small = shrink(5, failing, worker).case.net
    assert len(small.ops) <= 2
    assert any(isinstance(op, Literal) for op in small.walk())


class _OnlyEvenFilters:
    """A worker that finds all nets wrong that have a conv of an odd number of filters."""

    def judge(self, cases: list[Case]) -> list[Verdict]:
        (case,) = cases
        odd = any(op.filters % 2 and op.filters > 4 for op in case.net.walk() if isinstance(op, Conv))
        return [Verdict(case, "odd" if odd else "")]


def test_a_failure_is_shrunk():
    worker = _OnlyEvenFilters()
    failing = next(found for i in range(99) for found in worker.judge([draw_case(5, i)]) if found.wrong)
    small = shrink(5, failing, worker)
    assert small.shrunk
    assert len(list(small.case.net.walk())) == 1
    assert "make fuzz SEED=5 CASE=" in describe(small, 5)
