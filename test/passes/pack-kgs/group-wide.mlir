// RUN: %opt %s --passes=pack-kgs{group=4x1} | filecheck %s

// One row of four filters, groups of one channel: blocks of gcd(4, 1) = 1, and a tap for each channel q and kw.
// CHECK-DAG: arith.constant dense<[0, 4]> : tensor<2xi32>
// CHECK-DAG: arith.constant dense<{{\[\[}}0, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 1]]> : tensor<4x4xi32>
// CHECK-DAG: {{\[\[}}1.000000e+00, 3.000000e+00, 0.000000e+00, 0.000000e+00]], {{\[\[}}0.000000e+00, 0.000000e+00, 5.000000e+00, 6.000000e+00]], {{\[\[}}2.000000e+00, 4.000000e+00, 0.000000e+00, 0.000000e+00]], {{\[\[}}0.000000e+00, 0.000000e+00, 0.000000e+00, 7.000000e+00]]]> : tensor<4x1x4xf32>
// CHECK: linalg.pack {{.*}} inner_tiles = [1] {{.*}} -> tensor<1x2x1x1x7x1xf32>
// CHECK: group = array<i64: 4, 1>

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
