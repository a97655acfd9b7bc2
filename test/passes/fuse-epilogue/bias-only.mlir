// RUN: %opt %s --passes=fuse-epilogue | filecheck %s

// CHECK: linalg.conv_3d_ncdhw_fcdhw
// CHECK: linalg.generic
// CHECK: arith.addf
// CHECK-NOT: arith.maximumf

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#channel = affine_map<(d0, d1, d2, d3, d4) -> (0, d1, 0, 0, 0)>
func.func @main(%x: tensor<1x1x1x1x5xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %bias = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x1x1x3xf32>
  %b = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x2x1x1x3xf32>) dimensions = [0, 2, 3, 4]
  %c = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 2]> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x1x1x1x5xf32>, tensor<2x1x1x1x1xf32>)
      outs(%b : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %c : tensor<1x2x1x1x3xf32>
}
