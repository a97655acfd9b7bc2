"""A reference for models that come without PyTorch: floor 1, compiled by IREE as it is, on this machine."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import iree.compiler.ir as ir
import iree.runtime
import numpy as np

from rt3d_mlir.ir_io.mlir_io import write_bytecode
from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.command import iree_compile
from rt3d_mlir.passes.floor2.clone_slices import CloneSlices
from rt3d_mlir.passes.floor2.trim_windows import TrimWindows
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.schedule.unfuse_norms import UnfuseNorms
from rt3d_mlir.targets import get_target


def run_floor1(parse: Callable[[], tuple[ir.Module, WeightTable]], inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Runs `main` of the module that `parse` gives. Slow: IREE's conv3d is scalar code.

    Of our passes there are only trim-windows, clone-slices and unfuse-norms, without which IREE refuses some modules
    and computes something else for others. Raises CompileError.
    """
    with tempfile.TemporaryDirectory() as folder, ir.Context(), ir.Location.unknown():
        module, table = parse()
        for step in (TrimWindows(), CloneSlices(), UnfuseNorms()):
            step.run(module, State(table))
        source, binary = Path(folder, "floor1.mlirbc"), Path(folder, "floor1.vmfb")
        write_bytecode(module, table, source)
        iree_compile(source, binary, [*get_target("host").iree_flags, internals.KEEP_F64])
        config = iree.runtime.Config("local-task")
        entry = iree.runtime.load_vm_module(
            iree.runtime.VmModule.copy_buffer(config.vm_instance, binary.read_bytes()), config
        )
        result = entry["main"](*inputs)
        outputs = result if isinstance(result, tuple) else (result,)
        return [np.array(output.to_host()) for output in outputs]
