"""Writes the net as torch-mlir does: linalg on tensors as text (.mlir), the torch dialect as bytecode (.mlirbc)."""

import sys

import net
from torch_mlir import fx

model, clip = net.make()
for output_type, suffix in (("linalg-on-tensors", "mlir"), ("torch", "mlirbc")):
    module = fx.export_and_import(model, clip, output_type=output_type, func_name="main")
    with open(f"{sys.argv[1]}.{suffix}", "wb") as file:
        if suffix == "mlirbc":
            module.operation.write_bytecode(file)
        else:
            file.write(module.operation.get_asm().encode())
