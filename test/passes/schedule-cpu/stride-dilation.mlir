// RUN: %opt %s --passes=pack-kgs{group=4x4},block-layout,schedule-cpu{target=cortex-a76} | filecheck %s

// Strides (2, 3, 2) step through planes of 7 * 9 = 63 and rows of 9 columns; the taps of a 2x2x1 kernel with dilation
// (2, 3, 1) lie 2 * 63 and 3 * 9 apart; columns are 2 blocks of 4 apart.
// CHECK-DAG: affine_map<(d0, d1, d2) -> ((d0 * 315 + ((d1 floordiv 2) * 14 + (d1 mod 2) * 3) * 9 + d2 * 2) * 4)>
// CHECK-DAG: affine_map<(d0, d1) -> (d0 + d1 * 4 + 8)>
// CHECK: arith.constant dense<[0, 27, 126, 153]> : tensor<4xi32>

func.func @main(%x: tensor<2x4x5x7x9xf32>) -> tensor<2x4x2x2x5xf32> {
  %w = arith.constant dense<2.0> : tensor<4x4x2x2x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4x2x2x5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4x2x2x5xf32>) -> tensor<2x4x2x2x5xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[2, 3, 2]> : vector<3xi64>, dilations = dense<[2, 3, 1]> : vector<3xi64>}
      ins(%x, %w : tensor<2x4x5x7x9xf32>, tensor<4x4x2x2x1xf32>)
      outs(%i : tensor<2x4x2x2x5xf32>) -> tensor<2x4x2x2x5xf32>
  return %y : tensor<2x4x2x2x5xf32>
}
