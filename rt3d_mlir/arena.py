"""The arena: one buffer for the activations of a call, which a module allocates when it is loaded and keeps.

Without it IREE allocates their memory anew in every call. Its CPU devices hand blocks over 64 MiB back to the system
behind the call (local-task, whatever the allocator; local-sync, all blocks unless its allocator caches), so that the
next one faults in every page again; on a GPU allocation was half of a call. With it a loaded module runs one call at a
time; load it twice to run two.

IREE says how large the buffer has to be only in what it compiles: `hal.tensor.transients` makes it add the number to
the function's reflection. So a copy without the kernels' code is brought to that phase first.
"""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import iree.compiler.ir as ir

from rt3d_mlir.backend import iree_compile
from rt3d_mlir.mlir_io import without_numbers, write_bytecode
from rt3d_mlir.weights import WeightTable

_SIZE = re.compile(r"iree\.abi\.transients\.size\.constant = (\d+)")
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


def add_arena(module: ir.Module, table: WeightTable, flags: Sequence[str]) -> int:
    """Gives a module its arena, in place; returns its bytes, 0 where it needs none and stays as it was.

    `module` is what iree-compile is to get, with the numbers of `table`, its function @main; `flags` are those it will
    be compiled with: with an execution model among them calls may overlap, and share no memory. Raises CompileError
    where IREE cannot bring the module to its stream phase.
    """
    if any("iree-execution-model" in flag for flag in flags):
        return 0
    copy = ir.Module.parse(without_numbers(module), module.context)
    _attach(copy, 0)
    _drop_kernels(copy)
    with tempfile.TemporaryDirectory() as folder:
        source, lowered = Path(folder, "module.mlirbc"), Path(folder, "stream.mlir")
        write_bytecode(copy, table, source)
        elide = ["--mlir-elide-elementsattrs-if-larger=4", "--mlir-elide-resource-strings-if-larger=4"]
        iree_compile(source, lowered, [*flags, "--compile-to=stream", *elide])
        found = _SIZE.search(lowered.read_text())
    size = int(found[1]) if found else 0
    if size:
        _attach(module, size)
    return size


def _attach(module: ir.Module, size: int) -> None:
    """The arena of so many bytes, for all that @main's results need on the way."""
    with module.context, ir.Location.unknown():
        main = next(op for op in module.body.operations if _is_main(op))
        allocation = ir.Module.parse(_ALLOCATION.format(size=size))
        for op in list(allocation.body.operations):
            ir.InsertionPoint(main).insert(op.operation.detach_from_parent())
        (block,) = main.regions[0].blocks
        leave = block.operations[len(block.operations) - 1]
        with ir.InsertionPoint(leave):
            held = ir.Operation.create(
                "util.global.load",
                [ir.Type.parse("!hal.buffer")],
                attributes={"global": ir.FlatSymbolRefAttr.get("rt3d$arena")},
            ).result
            for i, value in enumerate(leave.operands):
                placed = ir.Operation.create("hal.tensor.transients", [value.type], [value, held])
                leave.operation.operands[i] = placed.result


def _is_main(op: ir.OpView) -> bool:
    return op.operation.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == "main"


def _drop_kernels(module: ir.Module) -> None:
    """Of our kernels only their interfaces are left: none of their code says anything of memory outside of them."""
    for op in module.body.operations:
        if op.operation.name != "hal.executable.source":
            continue
        for inner in op.regions[0].blocks[0].operations:
            if inner.operation.name == "builtin.module":
                for code in list(inner.regions[0].blocks[0].operations):
                    code.operation.erase()
