// RUN: %opt %s --passes=lift-to-3d 2>&1 | filecheck %s

// CHECK: remark: lift-to-3d: conv: its weights are not constant
// CHECK: linalg.depthwise_conv_2d_nchw_chw

func.func @main(%x: tensor<1x2x1x5xf32>, %w: tensor<2x1x2xf32>, %i: tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32> {
  %y = linalg.depthwise_conv_2d_nchw_chw {strides = dense<1> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x1x5xf32>, tensor<2x1x2xf32>) outs(%i : tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  return %y : tensor<1x2x1x4xf32>
}
