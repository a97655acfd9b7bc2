// RUN: %opt %s "--passes=pack-kgs{group=8x4},block-layout,winograd{target=cortex-a76 tile=2}" 2>&1 | filecheck %s

// A conv dilated by 2 along each axis of a plane of 4x4 is four convs of planes of 2x2, a tile each. Tiles begin at
// neighbouring rows and columns, and what they read is 2 apart.
// CHECK-DAG: %[[TILES:.+]] = arith.constant dense<{{\[\[}}0, 0], [0, 1], [1, 0], [1, 1]]> : tensor<4x2xi32>
// CHECK: linalg.generic {{.*}} tensor<1x1x1x16x1x4x4xf32>) {{.*}}step = "input", tiling = array<i64: 2, 4, 4, 4, 2, 2>
// CHECK: linalg.generic {{.*}}step = "product"
// CHECK: linalg.generic {{.*}} tensor<1x2x1x4x4x4xf32>) {{.*}}step = "output"

func.func @main(%x: tensor<1x4x1x8x8xf32>) -> tensor<1x8x1x4x4xf32> {
  %w = arith.constant dense<2.0> : tensor<8x4x1x3x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x4x4xf32>) -> tensor<1x8x1x4x4xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<[1, 2, 2]> : vector<3xi64>} ins(%x, %w : tensor<1x4x1x8x8xf32>, tensor<8x4x1x3x3xf32>) outs(%i : tensor<1x8x1x4x4xf32>) -> tensor<1x8x1x4x4xf32>
  return %y : tensor<1x8x1x4x4xf32>
}
