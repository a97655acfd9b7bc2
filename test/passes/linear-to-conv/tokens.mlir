// RUN: %opt %s --passes=linear-to-conv | filecheck %s

// Two linear layers on [B, T, K]: the ReLU moves in front of both reshapes, which then meet their inverses.
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw
// CHECK-NOT: tensor.{{expand|collapse}}_shape
// CHECK: %[[R:.+]] = linalg.generic {{.*}} ins(%[[C]] : tensor<6x5x1x1x1xf32>)
// CHECK-NOT: tensor.{{expand|collapse}}_shape
// CHECK: linalg.conv_3d_ncdhw_fcdhw {{.*}} ins(%[[R]],
// CHECK: tensor.collapse_shape {{.*}} : tensor<6x3x1x1x1xf32> into tensor<6x3xf32>
// CHECK: tensor.expand_shape {{.*}} output_shape [2, 3, 3] : tensor<6x3xf32> into tensor<2x3x3xf32>

#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @main(%x: tensor<6x4xf32>) -> tensor<2x3x3xf32> {
  %w = arith.constant dense<2.0> : tensor<4x5xf32>
  %v = arith.constant dense<3.0> : tensor<5x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x5xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<6x5xf32>) -> tensor<6x5xf32>
  %y = linalg.matmul ins(%x, %w : tensor<6x4xf32>, tensor<4x5xf32>) outs(%i : tensor<6x5xf32>) -> tensor<6x5xf32>
  %t = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 3, 5] : tensor<6x5xf32> into tensor<2x3x5xf32>
  %g = tensor.empty() : tensor<2x3x5xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t : tensor<2x3x5xf32>) outs(%g : tensor<2x3x5xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<2x3x5xf32>
  %c = tensor.collapse_shape %r [[0, 1], [2]] : tensor<2x3x5xf32> into tensor<6x5xf32>
  %f = tensor.empty() : tensor<6x3xf32>
  %j = linalg.fill ins(%zero : f32) outs(%f : tensor<6x3xf32>) -> tensor<6x3xf32>
  %z = linalg.matmul ins(%c, %v : tensor<6x5xf32>, tensor<5x3xf32>) outs(%j : tensor<6x3xf32>) -> tensor<6x3xf32>
  %u = tensor.expand_shape %z [[0, 1], [2]] output_shape [2, 3, 3] : tensor<6x3xf32> into tensor<2x3x3xf32>
  return %u : tensor<2x3x3xf32>
}
