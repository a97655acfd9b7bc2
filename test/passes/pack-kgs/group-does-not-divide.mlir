// RUN: %opt %s --passes=pack-kgs{group=6x4} | filecheck %s

// 4 filters in rows of 6, 2 channels in blocks of gcd(6, 4) = 2: missing filters have weight 0.
// CHECK-DAG: arith.constant dense<[0, 2]> : tensor<2xi32>
// CHECK-DAG: {{\[\[\[}}1.000000e+00, 3.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00], {{.*}} : tensor<2x2x6xf32>
// CHECK: linalg.pack {{.*}} inner_tiles = [2]
// CHECK: outs(%{{.+}} : tensor<1x2x1x1x3x2xf32>)
// CHECK: group = array<i64: 6, 2>

func.func @main(%x: tensor<1x2x1x1x7xf32>) -> tensor<1x4x1x1x3xf32> {
  %w = arith.constant dense<[
    [[[[1.0, 0.0]]], [[[2.0, 0.0]]]], [[[[3.0, 0.0]]], [[[4.0, 0.0]]]],
    [[[[0.0, 5.0]]], [[[0.0, 0.0]]]], [[[[0.0, 6.0]]], [[[0.0, 7.0]]]]]> : tensor<4x2x1x1x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x1x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 2]> : vector<3xi64>, dilations = dense<[1, 1, 2]> : vector<3xi64>}
      ins(%x, %w : tensor<1x2x1x1x7xf32>, tensor<4x2x1x1x2xf32>)
      outs(%i : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  return %y : tensor<1x4x1x1x3xf32>
}
