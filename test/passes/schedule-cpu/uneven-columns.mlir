// RUN: %opt %s --passes=pack-kgs{group=8x4},block-layout,schedule-cpu{target=cortex-a76} | filecheck %s

// 11 columns in tiles of 6: the second moves left to column 5, and computes one column twice. 24 fma a tap, two taps and then
// the odd one.
// CHECK-LABEL: hal.executable.source private @conv_0
// CHECK-LABEL: func.func @conv_0
// CHECK: scf.for %[[TILE:.+]] = %c0 to %c2 step %c1
// CHECK-NEXT: %[[COLUMN:.+]] = affine.apply #{{.+}}(%[[TILE]])
// CHECK-NEXT: arith.minsi %[[COLUMN]], %c5
// CHECK-COUNT-72: vector.fma
// CHECK-NOT: vector.fma

func.func @main(%x: tensor<1x4x1x1x11xf32>) -> tensor<1x8x1x1x11xf32> {
  %w = arith.constant dense<2.0> : tensor<8x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x1x11xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x1x11xf32>) -> tensor<1x8x1x1x11xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 1]> : vector<3xi64>, dilations = dense<[1, 1, 1]> : vector<3xi64>}
      ins(%x, %w : tensor<1x4x1x1x11xf32>, tensor<8x4x1x1x1xf32>)
      outs(%i : tensor<1x8x1x1x11xf32>) -> tensor<1x8x1x1x11xf32>
  return %y : tensor<1x8x1x1x11xf32>
}
