"""Reads modules, rewrites them, and writes each to FILE.out; no PyTorch, no torch-mlir."""

import sys
from pathlib import Path

import iree.compiler.ir as ir

import rt3d_mlir.passes
from rt3d_mlir.sparsity import GroupSize

for path in sys.argv[1:]:
    with ir.Context():
        module = ir.Module.parse(Path(path).read_bytes())
    print(f"file {Path(path).suffix}")
    for layer in rt3d_mlir.passes.apply(module, target="host", group=GroupSize(8, 4)).layers:
        print(f"layer {layer.name}: {layer.kept_share:.0%} kept, packed: {layer.packed}")
    with open(f"{path}.out", "wb") as file:
        module.operation.write_bytecode(file)
assert not {"torch", "torch_mlir"} & set(sys.modules)
