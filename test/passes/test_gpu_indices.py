"""Index arithmetic on i32 computes what it did on indices, of negative numbers too."""

from pathlib import Path

import iree.compiler.ir as ir
import pytest
from iree import runtime

from rt3d_mlir.iree.command import iree_compile
from rt3d_mlir.passes.emit import vectors as k
from rt3d_mlir.passes.emit.gpu_indices import narrow_indices

#: What kernels write, and the same in Python.
EXPRESSIONS = {
    "a * 6 + b - 9": lambda a, b: a * 6 + b - 9,
    "a floordiv 3 + b mod 5": lambda a, b: a // 3 + b % 5,
    "(a - b * 7) floordiv 8": lambda a, b: (a - b * 7) // 8,
    "(5 - a * 2) ceildiv 3": lambda a, b: -((a * 2 - 5) // 3),
    "(5 - a * 2) ceildiv 4": lambda a, b: -((a * 2 - 5) // 4),
    "a mod 16 + b floordiv 1": lambda a, b: a % 16 + b,
}
FUNCTION = """
func.func @main(%a: i32, %b: i32) -> i32 {
  %x = arith.index_cast %a : i32 to index
  %y = arith.index_cast %b : i32 to index
  %z = arith.index_cast %x : index to i32
  return %z : i32
}"""


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_arithmetic(expression: str, tmp_path: Path):
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(FUNCTION)
        block = module.body.operations[0].regions[0].blocks[0]
        x, y, back, _ = block.operations
        with ir.InsertionPoint(back):
            back.operation.operands[0] = k.at(expression, x.result, y.result)
        narrow_indices(block)
        assert "affine.apply" not in str(module)
        (tmp_path / "module.mlir").write_text(str(module))
    flags = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]
    iree_compile(tmp_path / "module.mlir", tmp_path / "module.vmfb", flags)
    main = runtime.load_vm_flatbuffer_file(str(tmp_path / "module.vmfb"), driver="local-sync").main
    for a in range(-20, 21):
        for b in (-11, -5, 0, 1, 7):
            assert main(a, b) == EXPRESSIONS[expression](a, b)
