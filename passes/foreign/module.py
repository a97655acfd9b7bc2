"""`rt3d_mlir.passes.apply`: all passes on a module that another program holds and goes on to compile.

    output = iree.turbine.aot.export(model, args=(clip,))
    report = rt3d_mlir.passes.apply(output.mlir_module, target="cortex-a76")
    output.session.set_flags(*rt3d_mlir.targets.find_target("cortex-a76").iree_flags)
    output.compile("model.vmfb", target_backends=None)

The module is rewritten in its own context, whoever made it; iree.compiler's bindings are the only condition.
"""

from collections.abc import Mapping
from typing import Any

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.passmanager import PassManager

from rt3d_mlir.errors import ModelError
from rt3d_mlir.iree import internals
from rt3d_mlir.passes.foreign.constants import HostConstants
from rt3d_mlir.passes.framework.base import Note, State
from rt3d_mlir.passes.packing_report import Report, build_report
from rt3d_mlir.passes.pipeline import default_pipeline, plugins_in, run_pipeline
from rt3d_mlir.sparsity import GroupSize, MaskSet
from rt3d_mlir.targets import Target, find_target

_OTHER_INPUTS = {"stablehlo", "chlo", "tosa", "onnx", "torch"}


def apply(
    module: ir.Module | ir.Operation,
    target: str | Target,
    *,
    masks: MaskSet | None = None,
    group: GroupSize | None = None,
    dtype: str = "f32",
    parameters: Mapping[str, np.ndarray] | None = None,
) -> Report:
    """Rewrites a module for a target, in place, and reports what became of each layer, and why one was refused.

    `module` is linalg on tensors with functions of func.func or util.func, or it is in the torch dialect. Then IREE's
    own `torch-to-iree` runs first, as it would in iree-compile. Packed weights become constants of the module. Compile
    the module with the flags `Target.iree_flags`. If passes of other packages ran, the report's notes name them.

    `masks`, `group` and `dtype` are those of `rt3d_mlir.export`. Masks name constants as the module does: by resource
    key, by the name of a global, or by the key of a parameter. `parameters` are the numbers of externalized parameters
    (`#flow.parameter.named`) by key. Those that are packed keep the numbers given here, whatever is given at run time.
    The others are loaded at run time as before. Layers whose parameters are not given are refused.

    Raises ModelError for a module in another dialect or of other bindings, WeightError for a parameter that does not
    fit, MaskError, TargetError and PassError. After a PassError or a failed torch-to-iree the module is unusable.
    """
    preset = find_target(target) if isinstance(target, str) else target
    named = group or (masks and masks.group)
    passes = default_pipeline(named or preset.group, preset, dtype=dtype, choose=named is None)
    root = _root(module)
    with root.operation.context as context, ir.Location.unknown():
        context.load_all_available_dialects()  # a session loads what it parses only
        if "torch" in _dialects(root):
            _lower_torch(root)
        unknown = sorted(_dialects(root) & _OTHER_INPUTS)
        if unknown:
            raise ModelError(
                f"the module is in the {unknown[0]} dialect; expected linalg on tensors or torch: bring it there with "
                f"iree-compile {internals.COMPILE_TO}input"
            )
        constants = HostConstants(root, parameters or {}, masks)
        shapes = {name: array.shape for name, array in constants.arrays.items()}
        state = State(constants.take())
        run_pipeline(root, passes, state)
        constants.give_back(state)
    state.notes += [Note(plugin.cls.name, "the module", f"ran: {plugin}") for plugin in plugins_in(passes)]
    return build_report(state, {}, shapes)


def _root(module: ir.Module | ir.Operation) -> Any:
    """The builtin.module as an OpView, which has all that the passes ask of an ir.Module."""
    op: Any = getattr(module, "operation", None)
    if not isinstance(op, ir.Operation):
        seen = f"{type(module).__module__}.{type(module).__qualname__}"
    elif op.name != "builtin.module":
        seen = op.name
    else:
        return op.opview
    raise ModelError(
        f"expected a builtin.module of iree.compiler.ir, not {seen}; what other bindings hold goes over as text or "
        "bytecode: iree.compiler.ir.Module.parse(...)"
    )


def _dialects(root: Any) -> set[str]:
    """The dialects of all ops below the module."""
    found: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        found.add(op.name.partition(".")[0])
        return ir.WalkResult.ADVANCE

    root.operation.walk(visit)
    return found


def _lower_torch(root: Any) -> None:
    try:
        PassManager.parse(internals.TORCH_TO_IREE).run(root.operation)
    except ir.MLIRError as error:
        first = "; ".join(line.strip() for line in str(error).strip().splitlines()[:3])
        raise ModelError(
            f"IREE's torch-to-iree cannot lower this module: {first[:400]}. rt3d_mlir.export takes more models, "
            "depthwise conv3d among them; the module is of no use now"
        ) from None
