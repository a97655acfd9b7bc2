"""Bytes, steps of windows and gathers of ops of a scheduled module, by hand-written IR."""

import iree.compiler.ir as ir
import pytest

from rt3d_mlir.explain import floor_facts
from rt3d_mlir.explain.op_work import OpWork, Work, is_at_border
from rt3d_mlir.passes.framework.provenance import tensor_ops

MAPS = """
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#line = affine_map<(d0) -> (d0)>
#window = affine_map<(d0, d1) -> (d0 + d1)>
#size = affine_map<(d0, d1) -> (d1)>
"""
PARALLEL = 'iterator_types = ["parallel", "parallel"]'
ADD = "^bb0(%a: f32, %b: f32, %o: f32): %s = arith.addf %a, %b : f32  linalg.yield %s : f32"
EXP = "^bb0(%a: f32, %o: f32): %s = math.exp %a : f32  linalg.yield %s : f32"
SUM = "^bb0(%a: f32, %o: f32): %s = arith.addf %a, %o : f32  linalg.yield %s : f32"


def add(a: str, b: str, b_map: str = "#id", b_type: str = "8x4") -> str:
    maps = f"indexing_maps = [#id, {b_map}, #id], {PARALLEL}"
    kinds = f"tensor<8x4xf32>, tensor<{b_type}xf32>"
    return (
        f"linalg.generic {{{maps}}} ins({a}, {b} : {kinds}) outs(%e : tensor<8x4xf32>) {{ {ADD} }} -> tensor<8x4xf32>"
    )


def exp(a: str, maps: str = "#id", iterators: str = PARALLEL, kind: str = "8x4", out: str = "%e") -> str:
    head = f"linalg.generic {{indexing_maps = [{maps}, {maps}], {iterators}}}"
    return f"{head} ins({a} : tensor<{kind}xf32>) outs({out} : tensor<{kind}xf32>) {{ {EXP} }} -> tensor<{kind}xf32>"


def total(a: str) -> str:
    head = 'linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}'
    return f"{head} ins({a} : tensor<8x4xf32>) outs(%z : tensor<8xf32>) {{ {SUM} }} -> tensor<8xf32>"


EXP_LINE = 'iterator_types = ["parallel"]'
START = """%c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %r = tensor.empty() : tensor<8xf32>
  %z = linalg.fill ins(%c : f32) outs(%r : tensor<8xf32>) -> tensor<8xf32>"""


def work(body: str, result: str, kind: str = "8x4", arguments: str = "%x: tensor<8x4xf32>") -> list[Work]:
    """Of the ops in their order."""
    head = f"{MAPS} func.func @main({arguments}) -> tensor<{kind}xf32>"
    text = f"{head} {{ {START}\n{body}\n return {result} : tensor<{kind}xf32> }}"
    with ir.Context() as context, ir.Location.unknown():
        context.allow_unregistered_dialects = True
        module = ir.Module.parse(text)
        found = OpWork(module)
        ops = [
            op
            for op in tensor_ops(module)
            if len(op.results) and (floor_facts.is_left(op) or floor_facts.is_dispatch(op))
        ]
        return [found.of(op) for op in ops]


X = 8 * 4 * 4
"""Bytes of the tensor that all of these compute with."""


def test_an_op_reads_and_writes():
    assert work(f"%0 = {exp('%x')}", "%0") == [Work(2 * X)]


def test_a_chain_is_one_op():
    chain = f"%0 = {exp('%x')}\n %1 = {exp('%0')}\n %2 = {add('%1', '%x')}"
    assert work(chain, "%2") == [Work(), Work(), Work(2 * X)]


def test_what_is_returned_is_in_memory():
    kept = f"%0 = {exp('%x')}\n %1 = {exp('%0')}\n"
    with_second = work(kept, "%0")
    assert with_second == [Work(2 * X), Work(2 * X)]


def test_a_reduction_is_not_computed_again():
    """Its input is read once for it and once for what uses its result; what follows it directly is in its loop."""
    norm = (
        f"%0 = {exp('%x')}\n %1 = {total('%0')}\n %2 = {exp('%1', '#line', EXP_LINE, '8', '%r')}\n"
        f"%3 = {add('%0', '%2', '#row', '8')}"
    )
    assert work(norm, "%3") == [Work(), Work(), Work(X + 32), Work(2 * X + 32)]


def test_a_clone_of_what_was_computed_is_no_copy_of_a_slice_it_is():
    """unfuse-norms' ends a dispatch; clone-slices' copies."""
    kept = f"%0 = {exp('%x')}\n %1 = flow.tensor.clone %0 : tensor<8x4xf32>\n %2 = {exp('%1')}"
    assert work(kept, "%2") == [Work(2 * X), Work(), Work(2 * X)]
    copied = "%0 = tensor.extract_slice %x[0, 0] [8, 4] [1, 1] : tensor<8x4xf32> to tensor<8x4xf32>\n"
    assert work(f"{copied} %1 = flow.tensor.clone %0 : tensor<8x4xf32>", "%1")[1] == Work(2 * X)


def test_constants_are_read_and_what_they_make_costs_nothing():
    body = (
        "%w = arith.constant dense<1.0> : tensor<8x4xf32>\n"
        f"%0 = {exp('%w')}\n %1 = {add('%x', '%0')}\n %2 = {add('%1', '%w')}"
    )
    found = work(body, "%2")
    assert (found[0], found[2]) == (Work(), Work(3 * X))


def test_slices_are_read_in_place():
    body = "%0 = tensor.extract_slice %x[0, 0] [4, 4] [1, 1] : tensor<8x4xf32> to tensor<4x4xf32>\n"
    padded = "%1 = tensor.pad %0 low[4, 0] high[0, 0] { ^bb0(%i: index, %j: index): tensor.yield %c : f32 } "
    found = work(f"{body} {padded} : tensor<4x4xf32> to tensor<8x4xf32>", "%1")
    assert found == [Work(), Work(X // 2 + X)]


def test_an_insert_writes_what_it_inserts_or_all_of_a_new_tensor():
    body = (
        "%f = linalg.fill ins(%c : f32) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>\n"
        "%0 = tensor.insert_slice %y into %f[0, 0] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<8x4xf32>\n"
        "%1 = tensor.insert_slice %y into %0[2, 0] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<8x4xf32>"
    )
    assert work(body, "%1", arguments="%y: tensor<2x4xf32>") == [Work(32 + X), Work(32 + 32)]


def test_windows_are_steps():
    pool = (
        "%w = tensor.empty() : tensor<3xf32>\n"
        '%0 = linalg.generic {indexing_maps = [#window, #size, #row], iterator_types = ["parallel", "reduction"]} '
        "ins(%y, %w : tensor<10xf32>, tensor<3xf32>) outs(%z : tensor<8xf32>) { ^bb0(%a: f32, %b: f32, %o: f32): "
        "%s = arith.maximumf %a, %o : f32 linalg.yield %s : f32 } -> tensor<8xf32>"
    )
    assert work(pool, "%0", "8", "%y: tensor<10xf32>") == [Work(40 + 32, steps=24)]


def test_gathers_are_counted_and_what_they_read_is_in_memory():
    body = (
        f"%0 = {exp('%x')}\n"
        f"%1 = linalg.generic {{indexing_maps = [#id], {PARALLEL}}} outs(%e : tensor<8x4xf32>) {{ ^bb0(%o: f32): "
        "%i = linalg.index 0 : index %j = linalg.index 1 : index %a = tensor.extract %0[%i, %j] : tensor<8x4xf32> "
        "linalg.yield %a : f32 } -> tensor<8x4xf32>"
    )
    assert work(body, "%1") == [Work(2 * X), Work(2 * X, gathers=32)]


def dispatch(operands: str, types: str, result: str, tied: int | None = None) -> str:
    count = operands.count("%")
    attributes = f"entry_points = [@k::@k], operandSegmentSizes = array<i32: 0, {count}, 0, 0>"
    attributes += "" if tied is None else f", tied_operands = [{tied} : index]"
    return f'"flow.dispatch"({operands}) {{{attributes}}} : ({types}) -> {result}'


def test_dispatches_that_fill_one_tensor_write_it_once():
    kind = "tensor<8x4xf32>"
    body = (
        f"%0 = {dispatch('%x', kind, kind)}\n %1 = {dispatch('%x, %0', f'{kind}, {kind}', kind, 1)}\n"
        f"%2 = {dispatch('%x, %x, %1', f'{kind}, {kind}, {kind}', kind, 2)}\n %3 = {dispatch('%2', kind, kind)}"
    )
    part = Work(X + X // 3)
    assert work(body, "%3") == [part, part, part, Work(2 * X)]


@pytest.mark.parametrize(("reads", "at_border"), [("%x", True), ("%0", False)])
def test_conversions_of_inputs_are_at_the_border(reads: str, at_border: bool):
    text = f"""{MAPS} func.func @main(%x: tensor<8x4xf32>) -> tensor<8x1x4xf32> {{ {START}
      %0 = {exp("%x")}
      %p = tensor.empty() : tensor<8x1x4xf32>
      %1 = linalg.pack {reads} inner_dims_pos = [1] inner_tiles = [4] into %p : tensor<8x4xf32> -> tensor<8x1x4xf32>
      return %1 : tensor<8x1x4xf32> }}"""
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        (pack,) = [op for op in tensor_ops(module) if op.name == "linalg.pack"]
        assert is_at_border(pack) == at_border


def test_a_long_chain_of_diamonds():
    chain = ["%v0 = " + exp("%x"), *(f"%v{i} = {add(f'%v{i - 1}', f'%v{i - 1}')}" for i in range(1, 2000))]
    found = work("\n".join(chain), "%v1999")
    assert sum(each.bytes for each in found) == 2 * X
