"""The arena: one buffer for the activations of a call, which a module allocates when it is loaded and keeps.

Without it IREE allocates their memory anew in every call. Its CPU devices hand blocks over 64 MiB back to the system
behind the call (local-task, whatever the allocator; local-sync, all blocks unless its allocator caches), so that the
next one faults in every page again; on a GPU allocation was half of a call. With it a loaded module runs one call at a
time; load it twice to run two.

IREE says how large the buffer has to be only in what it compiles: `hal.tensor.transients` makes it add the number to
the function's reflection. So a copy whose kernels are their interfaces and a digest of their code is brought to that
phase first. The compiled module states the number, too: `compile_with_arena` compares the two.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import iree.compiler.ir as ir
import iree.runtime

from rt3d_mlir.errors import CompileError
from rt3d_mlir.ir_io.mlir_io import without_numbers, write_bytecode
from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.command import iree_compile

Progress = Callable[[str], None]

_SIZE = re.compile(re.escape(internals.TRANSIENTS_SIZE) + r" = (\d+)")
_FUNCTION = re.compile(r"func\.func @[\w$.]+")
_ALLOCATION = """
util.global private @rt3d$arena : !hal.buffer
util.initializer {{
  %first = arith.constant 0 : index
  %size = arith.constant {size} : index
  %any = arith.constant -1 : i64
  %device = hal.devices.get %first : !hal.device
  %allocator = hal.device.allocator<%device : !hal.device> : !hal.allocator
  %type = hal.memory_type<"DeviceVisible|DeviceLocal"> : i32
  %usage = hal.buffer_usage<"Transfer|DispatchStorage"> : i32
  %buffer = hal.allocator.allocate<%allocator : !hal.allocator>
      affinity(%any) type(%type) usage(%usage) : !hal.buffer{{%size}}
  util.global.store %buffer, @rt3d$arena : !hal.buffer
  util.return
}}
"""


def compile_with_arena(
    module: ir.Module, table: WeightTable, flags: Sequence[str], source: Path, output: Path, progress: Progress
) -> int:
    """Compiles a module with its arena to the `.vmfb` `output`; `source` is what iree-compile reads, and stays.

    `module`, with the numbers of `table`, has its entry function @main; it is of no use afterwards. `flags` are
    iree-compile's: with an execution model among them calls may overlap, and share no memory. Returns the bytes of the
    arena, 0 where the module needs none, or has a loop. Raises CompileError where IREE cannot compile it.
    """
    shared = not any(internals.EXECUTION_MODEL in flag for flag in flags) and not _has_loops(module)
    progress("measuring the arena")
    size = _measure(module, table, flags) if shared else 0
    if size:
        _attach(module, size)
    write_bytecode(module, table, source)
    progress("running iree-compile")
    iree_compile(source, output, flags)
    needed = _needed(output) if size else 0
    if needed > size:
        raise CompileError(
            f"the module needs {needed} bytes for its activations, and a copy without kernels was measured to need "
            f"{size}. Nothing was written; this is a bug, please report it with --dump-ir"
        )
    return size


def _has_loops(module: ir.Module) -> bool:
    """In an arena IREE gives overlapping places to what a loop carries, and copies from one to the other."""
    found: list[str] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == internals.EXECUTABLE:
            return ir.WalkResult.SKIP
        if op.name in ("scf.for", "scf.while"):
            found.append(op.name)
            return ir.WalkResult.INTERRUPT
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    return bool(found)


def _measure(module: ir.Module, table: WeightTable, flags: Sequence[str]) -> int:
    """The bytes that IREE places in an arena; 0 where there are none. `module` stays as it is.

    A context of its own for the copy: parsed in one that knows its handles already, they would get other names, and
    not find their numbers.
    """
    text = without_numbers(module)
    with ir.Context(), ir.Location.unknown(), tempfile.TemporaryDirectory() as folder:
        copy = ir.Module.parse(text)
        _attach(copy, 0)
        _drop_kernels(copy)
        source, lowered = Path(folder, "module.mlirbc"), Path(folder, "stream.mlir")
        write_bytecode(copy, table, source)
        iree_compile(source, lowered, [*flags, internals.COMPILE_TO + "stream", *internals.ELIDE])
        found = _SIZE.search(lowered.read_text())
    return int(found[1]) if found else 0


def _needed(vmfb: Path) -> int:
    """The bytes of the arena that a compiled module states."""
    instance = iree.runtime.VmInstance()
    compiled = iree.runtime.VmModule.copy_buffer(instance, vmfb.read_bytes())
    return int(compiled.lookup_function("main").reflection[internals.TRANSIENTS_SIZE])


def _attach(module: ir.Module, size: int) -> None:
    """The arena of so many bytes, for all that @main's results need on the way."""
    with module.context, ir.Location.unknown():
        main = _main(module)
        allocation = ir.Module.parse(_ALLOCATION.format(size=size))
        for op in list(allocation.body.operations):
            ir.InsertionPoint(main).insert(op.operation.detach_from_parent())
        (block,) = main.regions[0].blocks
        leave = block.operations[len(block.operations) - 1]
        with ir.InsertionPoint(leave):
            held = ir.Operation.create(
                internals.GLOBAL_LOAD,
                [ir.Type.parse("!hal.buffer")],
                attributes={"global": ir.FlatSymbolRefAttr.get("rt3d$arena")},
            ).result
            for i, value in enumerate(leave.operands):
                placed = ir.Operation.create(internals.TRANSIENTS, [value.type], [value, held])
                leave.operation.operands[i] = placed.result


def _main(module: ir.Module) -> ir.OpView:
    return next(
        op
        for op in module.body.operations
        if op.operation.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == "main"
    )


def _drop_kernels(module: ir.Module) -> None:
    """Leaves of our kernels their interfaces, and a digest of their code: IREE then merges the same ones as with it."""
    for op in module.body.operations:
        if op.operation.name != internals.EXECUTABLE:
            continue
        for inner in op.regions[0].blocks[0].operations:
            if inner.operation.name == "builtin.module":
                inner.attributes["rt3d.code"] = ir.StringAttr.get(_digest(inner))
                for code in list(inner.regions[0].blocks[0].operations):
                    code.operation.erase()


def _digest(code: ir.OpView) -> str:
    """Equal for kernels that differ in the names of their functions alone."""
    return hashlib.sha256(_FUNCTION.sub("func.func @", code.operation.get_asm()).encode()).hexdigest()
