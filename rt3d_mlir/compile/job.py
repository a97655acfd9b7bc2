"""What one compile is: a network, a target, and what the passes and iree-compile are told of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from rt3d_mlir.compile.network import Network
from rt3d_mlir.errors import TargetError
from rt3d_mlir.iree import internals
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.packing_report import Report, build_report
from rt3d_mlir.passes.pipeline import default_pipeline
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import Target


@dataclass(frozen=True, eq=False)
class CompileJob:
    """A network for a target.

    `group` is what all layers are packed in; with None each gets what is fastest for its zeros.
    """

    network: Network
    target: Target
    group: GroupSize | None
    dense: bool
    dtype: str
    winograd: bool
    more_flags: Sequence[str] = ()
    """For iree-compile, after the target's."""

    @property
    def usual_group(self) -> GroupSize:
        """The group that all layers are packed in, or that they start from."""
        return self.group or self.target.group

    def pipeline(self) -> list[Pass]:
        """The passes, in order. Raises TargetError where the target has no kernels of the dtype."""
        choose = self.group is None
        return default_pipeline(self.usual_group, self.target, self.dense, self.dtype, self.winograd, choose)

    def iree_flags(self) -> list[str]:
        """All of iree-compile's flags. Raises TargetError where the target lacks a type that the model has.

        IREE computes float64 as float32 unless told, and then its module takes and gives that.
        """
        signature = next(line for line in self.network.floor1.text.splitlines() if "func.func @main(" in line)
        if "f64>" not in signature:
            return [*self.target.iree_flags, *self.more_flags]
        if not self.target.double:
            raise TargetError(
                f"{self.network.source.name} takes or gives float64, which {self.target.name} does not have: "
                "give it float32 inputs"
            )
        return [*self.target.iree_flags, internals.KEEP_F64, *self.more_flags]

    def build_report(self, state: State) -> Report:
        """The report of a pipeline that ran on this network."""
        shapes = {key: tuple(array.shape) for key, array in self.network.parameters.items()}
        return build_report(state, self.network.source.macs(), shapes)
