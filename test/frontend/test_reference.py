"""Floor 1 by IREE alone, the reference of `.mlir` files."""

import numpy as np

from rt3d_mlir.frontend.reference import run_floor1
from rt3d_mlir.ir_io.mlir_io import parse_text

#: Of the three rows the one window reads two.
POOL = """
#in = affine_map<(n, c, h, k) -> (n, c, h * 2 + k)>
#by = affine_map<(n, c, h, k) -> (k)>
#to = affine_map<(n, c, h, k) -> (n, c, h)>
func.func @main(%x: tensor<1x2x3xf32>) -> tensor<1x2x1xf32> {
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x2x1xf32>
  %i = linalg.fill ins(%low : f32) outs(%e : tensor<1x2x1xf32>) -> tensor<1x2x1xf32>
  %k = tensor.empty() : tensor<2xf32>
  %y = linalg.generic {indexing_maps = [#in, #by, #to],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %k : tensor<1x2x3xf32>, tensor<2xf32>) outs(%i : tensor<1x2x1xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %m = arith.maximumf %a, %s : f32
    linalg.yield %m : f32
  } -> tensor<1x2x1xf32>
  return %y : tensor<1x2x1xf32>
}
"""


def test_one_window_that_does_not_read_all():
    x = np.array([[[1, 2, 9], [-4, -5, 9]]], np.float32)
    (y,) = run_floor1(lambda: parse_text(POOL, "pool"), [x])
    np.testing.assert_array_equal(y, [[[2], [-4]]])
