"""IREE as it comes: floor 1, before any of our passes, at -O3 with data tiling.

It takes tens of seconds for what others do in one, so it runs once, without a warm-up, in the first round only.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from rt3d_mlir.bench.case import Case
from rt3d_mlir.bench.engine import Engine, Prepared, Run, UnavailableError

FILE = "stock.vmfb"


class IreeStock(Engine):
    """The same compiler and runtime as ours."""

    name = "iree-stock"
    title = "stock IREE, -O3"
    package = "iree-base-compiler"
    warmup = 0
    most_rounds = 1

    def prepare(self, case: Case, folder: Path) -> Prepared:
        import iree.compiler.ir as ir
        import torch

        import rt3d_mlir
        from rt3d_mlir.mlir_io import write_bytecode
        from rt3d_mlir.targets import get_target

        exported = rt3d_mlir.export(case.model(), (torch.from_numpy(case.input),))
        source = folder / "floor1.mlirbc"
        with ir.Context(), ir.Location.unknown():
            module, table = exported.floor1.parse()
            write_bytecode(module, table, source)
        iree_compile = Path(sys.executable).with_name("iree-compile")
        flags = ["--iree-opt-level=O3", "--iree-opt-data-tiling", *get_target("host").iree_flags]
        command = [str(iree_compile), str(source), "-o", str(folder / FILE), *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnavailableError(f"stock iree-compile failed: {done.stderr.strip()[:300]}")
        source.unlink()
        return Prepared([str(folder / FILE)], "one run, no warm-up")

    def load(self, case: Case, folder: Path, threads: int) -> Run:
        import iree.runtime as iree

        iree.flags.parse_flags(f"--task_topology_group_count={threads}")
        device = iree.get_driver("local-task").create_default_device(allocators=["caching"])
        config = iree.Config(device=device)
        module = iree.VmModule.mmap(config.vm_instance, str(folder / FILE))
        entry = iree.load_vm_module(module, config)["main"]

        def run(clip: np.ndarray) -> np.ndarray:
            return entry(clip).to_host()

        return run
