"""Marked ops are read back by name: the order in which a body reads says nothing, and who asks is who refuses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import iree.compiler.ir as ir
import numpy as np
import pytest
from iree.compiler.dialects import arith, func, linalg

from rt3d_mlir.errors import PassError
from rt3d_mlir.passes.framework.base import Note, Pass, State
from rt3d_mlir.passes.ir.build import WindowGrid, filled, generic, maps
from rt3d_mlir.passes.ir.match import body_ops
from rt3d_mlir.passes.ops import packed_conv
from rt3d_mlir.passes.ops.marked import Marked, read
from rt3d_mlir.passes.ops.max_pool import MaxPool
from rt3d_mlir.passes.ops.packed_conv import NOT_AT_HAND, PackedConv
from rt3d_mlir.passes.pipeline import parse_pipeline, run_pipeline
from rt3d_mlir.sparsity import GroupSize, pack

WEIGHTS = np.arange(64, dtype=np.float32).reshape(8, 8, 1, 1, 1)


@dataclass(frozen=True, eq=False)
class Scaled(Marked):
    """x * factor + shift, with a fact of each kind."""

    name: ClassVar[str] = "scaled"
    x: ir.Value
    factor: ir.Value
    shift: ir.Value
    layer: str
    group: GroupSize
    strides: tuple[int, ...]


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    with ir.Context(), ir.Location.unknown():
        yield


def main(*shapes: Sequence[int]) -> tuple[ir.Module, list[ir.Value], ir.InsertionPoint]:
    """A function of f32 tensors, where one of its ops is to be built."""
    module = ir.Module.create()
    with ir.InsertionPoint(module.body):
        entry = func.FuncOp("main", ([ir.RankedTensorType.get(shape, ir.F32Type.get()) for shape in shapes], []))
    block = entry.add_entry_block()
    with ir.InsertionPoint(block):
        end = func.ReturnOp([])
    return module, list(block.arguments), ir.InsertionPoint(end)


@pytest.mark.parametrize("order", [("x", "factor", "shift"), ("shift", "x", "factor")])
@pytest.mark.parametrize("inputs", [(), ("factor",), ("shift", "x")])
def test_what_a_mark_says(order: tuple[str, ...], inputs: tuple[str, ...]):
    _, arguments, at = main([4], [4], [4])
    given = dict(zip(("x", "factor", "shift"), arguments, strict=True))

    def body(*scalars: ir.Value) -> ir.Value:
        values = dict(zip(inputs, scalars, strict=False))
        i = linalg.IndexOp(0).result
        values |= {name: read(name, given[name], [i]) for name in order if name not in inputs}
        return arith.addf(arith.mulf(values["x"], values["factor"]), values["shift"])

    with at:
        mapping = maps(*["(i) -> (i)"] * (len(inputs) + 1))
        op = generic([given[name] for name in inputs], filled([4], 0.0), mapping, 0, body)
        assert Scaled.match(op) is None
        Scaled.mark(op, inputs, layer="conv2", group=GroupSize(8, 4), strides=[1, 2])
    found = Scaled.match(op)
    assert found is not None
    assert Scaled.marks(op)
    assert (found.x, found.factor, found.shift) == tuple(arguments)
    assert (found.layer, found.group, found.strides) == ("conv2", GroupSize(8, 4), (1, 2))
    Scaled.unmark(op)
    assert Scaled.match(op) is None


def conv(state: State) -> tuple[ir.Module, PackedConv]:
    """A packed conv of 8 channels."""
    module, (x,), at = main([1, 2, 1, 1, 4, 4])
    with at:
        result = packed_conv.build(
            state, x, pack(WEIGHTS, GroupSize(8, 4)), "conv2", WindowGrid((1, 1, 4), (1, 1, 1), (1, 1, 1)), None
        )
    found = PackedConv.match(result.owner.opview)
    assert found is not None
    return module, found


def test_the_order_of_reads_says_nothing():
    state = State()
    _, before = conv(state)
    reads = {inner.operands[0]: inner for inner in body_ops(before.op) if inner.name == "tensor.extract"}
    reads[before.packed].operation.move_before(reads[before.x].operation)
    after = PackedConv.match(before.op)
    assert after is not None
    assert (after.x, after.packed, after.taps, after.ptr) == (before.x, before.packed, before.taps, before.ptr)


def test_the_numbers_of_a_packed_conv():
    state = State()
    _module, made = conv(state)
    found = made.constants(state.weights)
    assert found is not None
    packed, expected = found[0], pack(WEIGHTS, GroupSize(8, 4))
    assert packed.weight_shape == expected.weight_shape
    for ours, theirs in ((packed.weights, expected.weights), (packed.taps, expected.taps), (packed.ptr, expected.ptr)):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("operand", ["packed", "taps", "ptr"])
@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("schedule-cpu{target=cortex-a76}", True),
        ("schedule-vulkan{target=vulkan-adreno}", True),
        ("narrow-f16", True),
        ("winograd{target=cortex-a76}", False),
    ],
)
def test_who_asks_refuses(operand: str, text: str, refuses: bool):
    state = State()
    module, found = conv(state)
    entry, value = module.body.operations[0].regions[0].blocks[0], getattr(found, operand)
    argument = entry.add_argument(value.type, ir.Location.unknown())
    value.replace_all_uses_with(argument)
    kind = ir.FunctionType.get([argument.type for argument in entry.arguments], [found.op.results[0].type])
    with ir.InsertionPoint(entry):
        last = list(entry.operations)[-1]
        with ir.InsertionPoint(last):
            func.ReturnOp([found.op.results[0]])
        last.operation.erase()
    module.body.operations[0].attributes["function_type"] = ir.TypeAttr.get(kind)
    passes: list[Pass] = parse_pipeline(text)
    run_pipeline(module, passes, state)
    assert state.notes == ([Note(passes[0].name, "conv2", NOT_AT_HAND)] if refuses else [])
    assert "packed_conv = " in str(module)


@pytest.mark.parametrize(
    ("mark", "read_as", "reason"),
    [
        ('{ins = ["window"], low = array<i64: 0>, strides = array<i64: 1>}', "x", "'kernel' is missing"),
        ("{kernel = array<i64: 1>, low = array<i64: 0>, strides = array<i64: 1>}", "y", "'x' is missing"),
        ('{kernel = "1", low = array<i64: 0>, strides = array<i64: 1>}', "x", "Cannot cast"),
        ("unit", "x", "Cannot cast"),
    ],
)
def test_a_mark_that_lacks_something_is_named(mark: str, read_as: str, reason: str):
    module = ir.Module.parse(f"""
        #id = affine_map<(i) -> (i)>
        func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {{
          %y = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel"]}}
              ins(%w : tensor<4xf32>) outs(%x : tensor<4xf32>) attrs = {{max_pool = {mark}}} {{
          ^bb0(%a: f32, %b: f32):
            %i = linalg.index 0 : index
            %v = tensor.extract %x[%i] {{operand = "{read_as}"}} : tensor<4xf32>
            linalg.yield %v : f32
          }} -> tensor<4xf32>
          return %y : tensor<4xf32>
        }}""")
    op = module.body.operations[0].regions[0].blocks[0].operations[0]
    with pytest.raises(PassError, match=f"marked as max_pool, but .*: {reason}.*; expected x, kernel, strides, low"):
        MaxPool.match(op)
