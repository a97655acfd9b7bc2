"""Compiles a model for its assembly, and finds each conv's inner loop in it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import iree.compiler.ir as ir

from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.errors import CompileError
from rt3d_mlir.ir_io.mlir_io import write_bytecode
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.command import iree_compile
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.pipeline import run_pipeline
from rt3d_mlir.static.assembly import Loop, functions, hottest_loop
from rt3d_mlir.static.work import ConvWork, equal_kernels, find_work, other_bytes
from rt3d_mlir.targets import CpuTarget


@dataclass(frozen=True)
class Compiled:
    """What the compiler made of a model: its convs' work in the order they run, and the assembly by function."""

    work: list[ConvWork]
    functions: dict[str, list[str]]
    equal: dict[str, list[str]]
    """Kernels with the same code as each: only one of them has a function."""
    other_bytes: int
    """Moved by all that is no conv."""

    def loop(self, work: ConvWork) -> Loop:
        """A conv's inner loop. Raises CompileError where its function has none."""
        names = self.equal.get(work.symbol, [])
        lines = next((self.functions[name] for name in names if name in self.functions), [])
        loop = hottest_loop(lines)
        if loop is None:
            raise CompileError(f"the assembly has no loop with FMLAs for {work.layer} (function {work.symbol})")
        return loop


def compile_static(exported: Exported, target: CpuTarget) -> Compiled:
    """Runs the passes and iree-compile, and reads the assembly; nothing of it stays on disk. Raises CompileError."""
    with tempfile.TemporaryDirectory() as folder, ir.Context(), ir.Location.unknown():
        module, table = exported.floor1.parse()
        state = State(table)
        *before, schedule, unfuse = exported.pipeline(target)
        run_pipeline(module, before, state)
        work = find_work(module, state, target)
        run_pipeline(module, [schedule, unfuse], state)
        other = other_bytes(module, [each.symbol for each in work])
        equal = equal_kernels(module)
        source, dump = Path(folder, "module.mlirbc"), Path(folder, "dump")
        write_bytecode(module, table, source)
        flags = [*target.iree_flags, f"{internals.DUMP_FILES}{dump}"]
        iree_compile(source, Path(folder, "module.vmfb"), flags)
        text = "\n".join(path.read_text() for path in sorted(dump.glob("*.s")))
    return Compiled(work, functions(text), equal, other)
