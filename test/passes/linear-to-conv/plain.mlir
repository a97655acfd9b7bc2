// RUN: %opt %s --passes=linear-to-conv | filecheck %s

// Two linear layers without bias, no flatten before them: the input becomes a 1x1x1 volume once, and between the two
// nothing is reshaped.
// CHECK: tensor.expand_shape %arg0 {{\[\[}}0], [1, 2, 3, 4]] output_shape [2, 4, 1, 1, 1]
// CHECK: linalg.conv_3d_ncdhw_fcdhw
// CHECK-NOT: tensor.{{expand|collapse}}_shape
// CHECK: linalg.conv_3d_ncdhw_fcdhw
// CHECK: tensor.collapse_shape {{.*}} : tensor<2x3x1x1x1xf32> into tensor<2x3xf32>
// CHECK-NOT: linalg.matmul

func.func @main(%x: tensor<2x4xf32>) -> tensor<2x3xf32> {
  %w = arith.constant dense<2.0> : tensor<4x5xf32>
  %v = arith.constant dense<3.0> : tensor<5x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x5xf32>) -> tensor<2x5xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x5xf32>) outs(%i : tensor<2x5xf32>) -> tensor<2x5xf32>
  %f = tensor.empty() : tensor<2x3xf32>
  %j = linalg.fill ins(%zero : f32) outs(%f : tensor<2x3xf32>) -> tensor<2x3xf32>
  %z = linalg.matmul ins(%y, %v : tensor<2x5xf32>, tensor<5x3xf32>) outs(%j : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %z : tensor<2x3xf32>
}
