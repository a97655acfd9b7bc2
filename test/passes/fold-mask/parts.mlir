// RUN: %opt %s --passes=fold-mask | filecheck %s

// Weights that are cut out of one parameter, and weights that are joined of two, are constants. A cut may have strides.
// CHECK-DAG: arith.constant dense<{{\[\[\[\[\[}}3.000000e+00]]], {{\[\[\[}}5.000000e+00]]]]]> : tensor<1x2x1x1x1xf32>
// CHECK-DAG: arith.constant dense<{{\[\[\[\[\[}}2.000000e+00]]], {{\[\[\[}}3.000000e+00]]]], {{\[\[\[\[}}7.000000e+00]]], {{\[\[\[}}8.000000e+00]]]]]> : tensor<2x2x1x1x1xf32>
// CHECK-NOT: tensor.extract_slice
// CHECK-NOT: tensor.concat
// CHECK-COUNT-2: linalg.conv_3d_ncdhw_fcdhw

func.func @main(%x: tensor<1x2x1x1x3xf32>, %i1: tensor<1x1x1x1x3xf32>, %i2: tensor<1x2x1x1x3xf32>)
    -> (tensor<1x1x1x1x3xf32>, tensor<1x2x1x1x3xf32>) {
  %w = arith.constant dense<[[[[[2.0]]], [[[3.0]]], [[[4.0]]], [[[5.0]]]]]> : tensor<1x4x1x1x1xf32>
  %v = arith.constant dense<[[[[[7.0]]], [[[8.0]]]]]> : tensor<1x2x1x1x1xf32>
  %odd = tensor.extract_slice %w[0, 1, 0, 0, 0] [1, 2, 1, 1, 1] [1, 2, 1, 1, 1]
      : tensor<1x4x1x1x1xf32> to tensor<1x2x1x1x1xf32>
  %first = tensor.extract_slice %w[0, 0, 0, 0, 0] [1, 2, 1, 1, 1] [1, 1, 1, 1, 1]
      : tensor<1x4x1x1x1xf32> to tensor<1x2x1x1x1xf32>
  %joined = tensor.concat dim(0) %first, %v
      : (tensor<1x2x1x1x1xf32>, tensor<1x2x1x1x1xf32>) -> tensor<2x2x1x1x1xf32>
  %y1 = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %odd : tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x1xf32>)
      outs(%i1 : tensor<1x1x1x1x3xf32>) -> tensor<1x1x1x1x3xf32>
  %y2 = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %joined : tensor<1x2x1x1x3xf32>, tensor<2x2x1x1x1xf32>)
      outs(%i2 : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y1, %y2 : tensor<1x1x1x1x3xf32>, tensor<1x2x1x1x3xf32>
}
