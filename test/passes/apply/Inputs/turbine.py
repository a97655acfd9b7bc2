"""Modules of iree.turbine.aot, rewritten and compiled by their own sessions.

The first has its weights inside. The parameters of the second are not in it, and those of fc are not given to the
passes, but at run time only.
"""

from collections.abc import Mapping

import iree.turbine.aot as aot
import net
import numpy as np

import rt3d_mlir.passes
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import get_target


def compiled(output: aot.ExportOutput, parameters: Mapping[str, np.ndarray] | None = None) -> bytes:
    report = rt3d_mlir.passes.apply(output.mlir_module, target="host", group=GroupSize(8, 4), parameters=parameters)
    net.show(report, output.mlir_module)
    output.session.set_flags(*get_target("host").iree_flags)
    vmfb = output.compile(None, target_backends=None)
    assert vmfb is not None
    return bytes(vmfb.map_memory())


model, clip = net.make()
net.check(compiled(aot.export(model, args=(clip,))), model, clip)

model, clip = net.make()
arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
now = {name: array for name, array in arrays.items() if not name.startswith("fc.")}
later = {name: array for name, array in arrays.items() if name.startswith("fc.")}
aot.externalize_module_parameters(model)
vmfb = compiled(aot.export(model, args=(clip,)), now)
net.check(vmfb, net.make()[0], clip, parameters=later)
