"""A hand-written kernel in the IR: a `hal.executable.source` whose body is memref, vector and scf, and its dispatch.

No tensor-level pass of IREE touches such a body, so what is built here is what runs. Bindings are flat memrefs: the
inputs in order, then the result. The body gets them and the workgroup id (x, y, z). A result may be an input that is
updated in place: IREE copies it where its old value is still needed, and only then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import iree.compiler.ir as ir

from rt3d_mlir.iree import internals
from rt3d_mlir.kernel_names import symbol_of
from rt3d_mlir.passes.emit.gpu_indices import narrow_indices

Body = Callable[[list[ir.Value], list[ir.Value]], None]


@dataclass(frozen=True)
class GpuLaunch:
    """How a kernel of threads is launched: how many a workgroup has.

    The kernel's body also gets the thread's number in the workgroup, after the workgroup id. All bindings but those of
    integers and the `scalar` ones are memrefs of vectors of 4; so are integers of `vectors`.
    """

    threads: int
    scalar: frozenset[int] = frozenset()
    vectors: frozenset[int] = frozenset()


@dataclass(frozen=True)
class KernelCode:
    """`body(bindings, ids)` builds the kernel at the current insertion point, for each workgroup of `grid` (x fastest);
    with `launch` it is one thread's code for a GPU."""

    grid: Sequence[int]
    body: Body
    launch: GpuLaunch | None = None


def emit_dispatch(
    module: ir.Module,
    name: str,
    inputs: Sequence[ir.Value],
    result: ir.RankedTensorType,
    kernel: KernelCode,
    into: ir.Value | None = None,
) -> ir.Value:
    """Adds the kernel to the module and dispatches it; returns its result.

    It must write all of the result, or it updates `into`, a tensor of the result's type.
    """
    symbol = _unique_symbol(module, name)
    types = [ir.RankedTensorType(value.type) for value in inputs]
    source = ir.Module.parse(_skeleton(symbol, types, result, kernel))
    executable = source.body.operations[0]
    block = _build_body(executable, kernel.body)
    if kernel.launch is not None:
        narrow_indices(block)
    executable.operation.detach_from_parent()
    ir.InsertionPoint.at_block_begin(module.body).insert(executable)
    operands = [*inputs, *([] if into is None else [into])]
    attributes: dict[str, ir.Attribute] = {
        "entry_points": ir.ArrayAttr.get([ir.Attribute.parse(f"@{symbol}::@{symbol}")]),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, len(operands), 0, 0]),
    }
    if into is not None:
        tied = ir.IntegerAttr.get(ir.IndexType.get(), len(inputs))
        attributes["tied_operands"] = ir.ArrayAttr.get([tied])
    return ir.Operation.create(internals.DISPATCH, [result], operands, attributes).results[0]


def _skeleton(
    symbol: str, types: Sequence[ir.RankedTensorType], result: ir.RankedTensorType, kernel: KernelCode
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
        f"{' flags(ReadOnly)' if i < len(types) else ''} : {_memref(kind, i, kernel.launch)}"
        for i, kind in enumerate([*types, result])
    )
    (x, y, z), launch = kernel.grid, kernel.launch
    translation = thread = ""
    if launch is not None:
        info = internals.shader_pipeline(launch.threads)
        translation, thread = f"attributes {{translation_info = {info}}}", "%t = gpu.thread_id x"
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
    func.func @{symbol}() {translation} {{
      %zero = arith.constant 0 : index
      {subspans}
      %x = hal.interface.workgroup.id[0] : index
      %y = hal.interface.workgroup.id[1] : index
      %z = hal.interface.workgroup.id[2] : index
      {thread}
      return
    }}
  }}
}}"""


def _memref(kind: ir.RankedTensorType, position: int, launch: GpuLaunch | None) -> str:
    """The flat memref that a tensor is bound as."""
    count, element = prod(kind.shape), str(kind.element_type)
    alone = launch is None or position in launch.scalar or (element.startswith("i") and position not in launch.vectors)
    if alone:
        return f"memref<{count}x{element}>"
    return f"memref<{count // 4}xvector<4x{element}>>"


def _build_body(executable: ir.OpView, body: Body) -> ir.Block:
    inner = executable.operation.regions[0].blocks[0].operations[1]
    function = inner.operation.regions[0].blocks[0].operations[0]
    block = function.operation.regions[0].blocks[0]
    ops = list(block.operations)
    bindings = [op.results[0] for op in ops if op.operation.name == internals.BINDING]
    ids = [op.results[0] for op in ops if op.operation.name in (internals.WORKGROUP_ID, "gpu.thread_id")]
    with ir.InsertionPoint(ops[-1]):
        body(bindings, ids)
    return block


def kernel_name(op: ir.OpView) -> str:
    """The symbol of the executable that a flow.dispatch runs."""
    return str(op.attributes["entry_points"][0]).removeprefix("@").split("::")[0]


def _unique_symbol(module: ir.Module, name: str) -> str:
    """`name` as a symbol that the module does not have yet."""
    base = symbol_of(name)
    taken = {
        ir.StringAttr(op.attributes["sym_name"]).value for op in module.body.operations if "sym_name" in op.attributes
    }
    symbol, n = base, 1
    while symbol in taken:
        symbol, n = f"{base}_{n}", n + 1
    return symbol
