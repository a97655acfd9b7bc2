// RUN: %opt %s --passes=lift-to-3d | filecheck %s

// CHECK: %[[W:.+]] = arith.constant dense<1.000000e+00> : tensor<3x2x1x1x3xf32>
// CHECK: %[[X:.+]] = tensor.expand_shape %arg0 {{\[\[}}0], [1], [2, 3, 4]] output_shape [1, 2, 1, 1, 9]
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<[1, 1, 2]> : tensor<3xi64>, strides = dense<[1, 1, 3]> : tensor<3xi64>} ins(%[[X]], %[[W]] : tensor<1x2x1x1x9xf32>, tensor<3x2x1x1x3xf32>)
// CHECK: %[[Y:.+]] = tensor.collapse_shape %[[C]] {{\[\[}}0], [1], [2, 3, 4]] : tensor<1x3x1x1x2xf32> into tensor<1x3x2xf32>
// CHECK: return %[[Y]]

func.func @main(%x: tensor<1x2x9xf32>) -> tensor<1x3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<3x2x3xf32>
  %e = tensor.empty() : tensor<1x3x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %c = linalg.conv_1d_ncw_fcw {dilations = dense<2> : vector<1xi64>, strides = dense<3> : vector<1xi64>}
      ins(%x, %w : tensor<1x2x9xf32>, tensor<3x2x3xf32>) outs(%i : tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %c : tensor<1x3x2xf32>
}
