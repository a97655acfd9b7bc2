"""The packed convs that a schedule would see."""

from collections.abc import Iterator
from contextlib import contextmanager

import iree.compiler.ir as ir

from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.passes.ir.match import ops_named
from rt3d_mlir.passes.ops.halo import note_halos
from rt3d_mlir.passes.ops.packed_conv import PackedConv
from rt3d_mlir.passes.pipeline import run_pipeline
from rt3d_mlir.passes.schedule.destination import mark_concatenations
from rt3d_mlir.targets import Target


@contextmanager
def packed_convs(exported: Exported, target: Target) -> Iterator[tuple[list[PackedConv], State]]:
    """All of a network's, inside their context, as the schedule finds them after its own first steps."""
    passes = exported.pipeline(target)
    end = next(i for i, step in enumerate(passes) if step.name in ("schedule-cpu", "schedule-vulkan"))
    with ir.Context(), ir.Location.unknown():
        module, table = exported.floor1.parse()
        state = State(table)
        run_pipeline(module, passes[:end], state)
        note_halos(module)
        mark_concatenations(module)
        convs = (PackedConv.match(op.opview) for op in ops_named(module, "linalg.generic"))
        yield [conv for conv in convs if conv is not None], state
