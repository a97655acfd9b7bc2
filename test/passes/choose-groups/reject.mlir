// RUN: %opt %s --passes=choose-groups{target=cortex-a76} 2>&1 | filecheck %s

// Each pair of filters x channels has another zero: no group leaves anything out, and that is said.
// CHECK: choose-groups: conv: 50% of the weights are zero, but no group of filters x channels
// CHECK: linalg.conv_3d_ncdhw_fcdhw
// CHECK-NOT: kgs_group

func.func @main(%x: tensor<1x2x1x8x32xf32>) -> tensor<1x8x1x8x32xf32> {
  %w = arith.constant dense<[
    [[[[1.0]]], [[[0.0]]]], [[[[0.0]]], [[[2.0]]]],
    [[[[1.0]]], [[[0.0]]]], [[[[0.0]]], [[[2.0]]]],
    [[[[1.0]]], [[[0.0]]]], [[[[0.0]]], [[[2.0]]]],
    [[[[1.0]]], [[[0.0]]]], [[[[0.0]]], [[[2.0]]]]]> : tensor<8x2x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x8x32xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x8x32xf32>) -> tensor<1x8x1x8x32xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x2x1x8x32xf32>, tensor<8x2x1x1x1xf32>)
      outs(%i : tensor<1x8x1x8x32xf32>) -> tensor<1x8x1x8x32xf32>
  return %y : tensor<1x8x1x8x32xf32>
}
