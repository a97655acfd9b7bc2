"""IREE as it comes: floor 1, before any of our passes, at -O3 with data tiling.

It takes tens of seconds for what others do in one, so it runs once, without a warm-up, in the first round only.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rt3d_mlir.bench.available import UnavailableError
from rt3d_mlir.bench.case import Case
from rt3d_mlir.bench.engine import Engine, Prepared, Run
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.programs import compiler_program

if TYPE_CHECKING:
    from rt3d_mlir.compile.exported import Exported

FILE = "stock.vmfb"


class IreeStock(Engine):
    """The same compiler and runtime as ours."""

    name = "iree-stock"
    title = "stock IREE, -O3"
    package = "iree-base-compiler"
    warmup = 0
    most_rounds = 1

    def prepare(self, case: Case, folder: Path) -> Prepared:
        import torch

        import rt3d_mlir
        from rt3d_mlir.targets import get_target

        exported = rt3d_mlir.export(case.model(), (torch.from_numpy(case.input),))
        compile_stock(exported, folder / FILE, [internals.DATA_TILING, *get_target("host").iree_flags])
        return Prepared([str(folder / FILE)], "one run, no warm-up")

    def load(self, case: Case, folder: Path, threads: int) -> Run:
        import iree.runtime as iree

        iree.flags.parse_flags(f"{internals.TASK_THREADS}{threads}")
        device = iree.get_driver("local-task").create_default_device(allocators=["caching"])
        config = iree.Config(device=device)
        module = iree.VmModule.mmap(config.vm_instance, str(folder / FILE))
        entry = iree.load_vm_module(module, config)["main"]

        def run(clip: np.ndarray) -> np.ndarray:
            return entry(clip).to_host()

        return run


def compile_stock(exported: "Exported", output: Path, flags: Sequence[str]) -> None:
    """Floor 1 through iree-compile at -O3. Raises UnavailableError where it fails."""
    import iree.compiler.ir as ir

    from rt3d_mlir.ir_io.mlir_io import write_bytecode

    source = output.with_suffix(".mlirbc")
    with ir.Context(), ir.Location.unknown():
        module, table = exported.floor1.parse()
        write_bytecode(module, table, source)
    command = [compiler_program(), str(source), "-o", str(output), internals.OPT_LEVEL + "O3", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    source.unlink()
    if done.returncode:
        raise UnavailableError(f"stock iree-compile failed: {done.stderr.strip()[:300]}")
