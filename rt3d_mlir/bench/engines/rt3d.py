"""Ours: the artifact that `Exported.compile` writes, run as an app would, without PyTorch and the compiler."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rt3d_mlir.bench.available import UnavailableError
from rt3d_mlir.bench.case import DENSE, Case
from rt3d_mlir.bench.engine import Engine, Prepared, Run
from rt3d_mlir.runtime import load
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import get_target

if TYPE_CHECKING:
    from rt3d_mlir.compile.exported import Exported


class Rt3d(Engine):
    """One thread runs on local-sync, more on local-task."""

    name = "rt3d"
    title = "rt3d_mlir"
    package = "rt3d-mlir"

    winograd = True

    def prepare(self, case: Case, folder: Path) -> Prepared:
        compile_case(case, folder / "artifact", self.winograd, self.precision)
        return Prepared([str(folder / "artifact" / "module.vmfb")])

    def load(self, case: Case, folder: Path, threads: int) -> Run:
        module = load(folder / "artifact", device="local-sync" if threads == 1 else "local-task", threads=threads)

        def run(clip: np.ndarray) -> np.ndarray:
            answer = module(clip)
            assert isinstance(answer, np.ndarray)
            return answer

        return run


class Rt3dDirect(Rt3d):
    """Without Winograd: dense layers by the kernel of pruned ones, so that pruning is compared like with like."""

    name = "rt3d-direct"
    title = "rt3d_mlir, direct"
    winograd = False


class Rt3dBf16(Rt3d):
    """Weights and activations stored as bf16, sums in f32."""

    name = "rt3d-bf16"
    title = "rt3d_mlir, bf16"
    precision = "bf16"

    def prepare(self, case: Case, folder: Path) -> Prepared:
        if not get_target("host").pairs:
            raise UnavailableError("this CPU has no AVX512-BF16")
        return super().prepare(case, folder)


def export_case(case: Case, winograd: bool = True, dtype: str = "f32") -> "Exported":
    """The case's network, ready to compile."""
    import torch

    import rt3d_mlir

    group, dense = GroupSize.parse(case.spec.group), case.spec.config == DENSE
    inputs = (torch.from_numpy(case.input),)
    return rt3d_mlir.export(case.model(), inputs, group=group, dense=dense, dtype=dtype, winograd=winograd)


def compile_case(case: Case, artifact: Path, winograd: bool = True, dtype: str = "f32") -> None:
    """Compiles it for this machine."""
    export_case(case, winograd, dtype).compile(artifact, target="host")
