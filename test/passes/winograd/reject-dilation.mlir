// RUN: %opt %s "--passes=pack-kgs{group=8x4},block-layout,winograd{target=cortex-a76 tile=2}" 2>&1 | filecheck %s

// A kernel whose dilation does not divide the plane.
// CHECK: packed_conv
// CHECK-NOT: winograd =

func.func @main(%x: tensor<1x4x1x9x9xf32>) -> tensor<1x8x1x5x5xf32> {
  %w = arith.constant dense<2.0> : tensor<8x4x1x3x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x5x5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x5x5xf32>) -> tensor<1x8x1x5x5xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<[1, 2, 2]> : vector<3xi64>} ins(%x, %w : tensor<1x4x1x9x9xf32>, tensor<8x4x1x3x3xf32>) outs(%i : tensor<1x8x1x5x5xf32>) -> tensor<1x8x1x5x5xf32>
  return %y : tensor<1x8x1x5x5xf32>
}
