"""A module held in an iree.compiler.api.Session, rewritten in the session's context and compiled by it."""

import iree.compiler.ir as ir
import net
import torch
from iree.compiler.api import Output, Session
from torch_mlir import fx

import rt3d_mlir.passes
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import get_target

model, clip = net.make()
target = get_target("host")
text = fx.export_and_import(model, clip, output_type="linalg-on-tensors", func_name="main").operation.get_asm()
batch = {"x": {0: torch.export.Dim("batch", min=2, max=8)}}
clips = torch.randn(3, *net.CLIP[1:])
open_batch = fx.export_and_import(
    model, clips, dynamic_shapes=batch, output_type="linalg-on-tensors", func_name="any_batch"
).operation.get_asm()

session = Session()
session.set_flags(*target.iree_flags)
with session.context:
    module = ir.Module.parse(text)
    other = ir.Module.parse(open_batch)
    for function in other.body.operations:
        if function.operation.name == "func.func":
            module.body.append(function)
report = rt3d_mlir.passes.apply(module, target, group=GroupSize(8, 4))
net.show(report, module.operation)
invocation, output = session.invocation(), Output.open_membuffer()
invocation.enable_console_diagnostics()
invocation.import_module(module.operation)
if not invocation.execute():
    raise SystemExit("iree-compile failed")
invocation.output_vm_bytecode(output)
net.check(bytes(output.map_memory()), model, clip)
net.check(bytes(output.map_memory()), model, clips, function="any_batch")
