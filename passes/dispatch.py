"""A hand-written kernel in the IR: a `hal.executable.source` whose body is memref, vector and scf, and its dispatch.

No tensor-level pass of IREE touches such a body, so what is built here is what runs. Bindings are flat memrefs: the
inputs in order, then the result. The body gets them and the workgroup id (x, y, z).
"""

import re
from collections.abc import Callable, Sequence
from math import prod

import iree.compiler.ir as ir

Body = Callable[[list[ir.Value], list[ir.Value]], None]


def emit_dispatch(
    module: ir.Module,
    name: str,
    inputs: Sequence[ir.Value],
    result: ir.RankedTensorType,
    grid: Sequence[int],
    body: Body,
) -> ir.Value:
    """Adds the kernel to the module and dispatches it over `grid` (x fastest); returns its result.

    `body(bindings, ids)` builds the kernel at the current insertion point.
    """
    symbol = _unique_symbol(module, name)
    types = [ir.RankedTensorType(value.type) for value in inputs]
    source = ir.Module.parse(_skeleton(symbol, types, result, grid))
    executable = source.body.operations[0]
    _build_body(executable, body)
    executable.operation.detach_from_parent()
    ir.InsertionPoint.at_block_begin(module.body).insert(executable)
    entry = ir.Attribute.parse(f"@{symbol}::@{symbol}")
    dispatch = ir.Operation.create(
        "flow.dispatch",
        results=[result],
        operands=list(inputs),
        attributes={
            "entry_points": ir.ArrayAttr.get([entry]),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, len(inputs), 0, 0]),
        },
    )
    return dispatch.results[0]


def _skeleton(
    symbol: str, types: Sequence[ir.RankedTensorType], result: ir.RankedTensorType, grid: Sequence[int]
) -> str:
    """The executable with its bindings and workgroup ids, and nothing done with them."""
    bindings = ", ".join(
        [
            *["#hal.pipeline.binding<storage_buffer, ReadOnly>"] * len(types),
            "#hal.pipeline.binding<storage_buffer>",
        ]
    )
    layout = f"#hal.pipeline.layout<bindings=[{bindings}]>"
    subspans = "\n".join(
        f"%b{i} = hal.interface.binding.subspan layout({layout}) binding({i}) alignment(64) offset(%zero)"
        f"{' flags(ReadOnly)' if i < len(types) else ''} : memref<{prod(kind.shape)}x{kind.element_type}>"
        for i, kind in enumerate([*types, result])
    )
    x, y, z = grid
    return f"""
hal.executable.source private @{symbol} {{
  hal.executable.export public @{symbol} ordinal(0) layout({layout})
      count(%device: !hal.device) -> (index, index, index) {{
    %x = arith.constant {x} : index
    %y = arith.constant {y} : index
    %z = arith.constant {z} : index
    hal.return %x, %y, %z : index, index, index
  }}
  builtin.module {{
    func.func @{symbol}() {{
      %zero = arith.constant 0 : index
      {subspans}
      %x = hal.interface.workgroup.id[0] : index
      %y = hal.interface.workgroup.id[1] : index
      %z = hal.interface.workgroup.id[2] : index
      return
    }}
  }}
}}"""


def _build_body(executable: ir.OpView, body: Body) -> None:
    inner = executable.operation.regions[0].blocks[0].operations[1]
    function = inner.operation.regions[0].blocks[0].operations[0]
    block = function.operation.regions[0].blocks[0]
    ops = list(block.operations)
    bindings = [op.results[0] for op in ops if op.operation.name == "hal.interface.binding.subspan"]
    ids = [op.results[0] for op in ops if op.operation.name == "hal.interface.workgroup.id"]
    with ir.InsertionPoint(ops[-1]):
        body(bindings, ids)


def _unique_symbol(module: ir.Module, name: str) -> str:
    """`name` as a symbol that the module does not have yet."""
    base = re.sub(r"[^A-Za-z0-9_]", "_", name)
    base = base if re.match(r"[A-Za-z_]", base) else f"layer_{base}"
    taken = {
        ir.StringAttr(op.attributes["sym_name"]).value for op in module.body.operations if "sym_name" in op.attributes
    }
    symbol, n = base, 1
    while symbol in taken:
        symbol, n = f"{base}_{n}", n + 1
    return symbol
