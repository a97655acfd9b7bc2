// RUN: %opt %s --passes=lift-to-3d | filecheck %s

// Two padded convs, bias and ReLU between them, and a flatten behind: one reshape on entry, and the flatten starts from
// the 3D form. Weights stay constants.
// CHECK-DAG: %[[W:.+]] = arith.constant dense<1.000000e+00> : tensor<3x2x1x3x3xf32>
// CHECK-DAG: %[[V:.+]] = arith.constant dense<2.000000e+00> : tensor<2x3x1x1x3xf32>
// CHECK: %[[X:.+]] = tensor.expand_shape %arg0 {{\[\[}}0], [1], [2, 3], [4]] output_shape [1, 2, 1, 5, 6] : tensor<1x2x5x6xf32> into tensor<1x2x1x5x6xf32>
// CHECK: %[[P:.+]] = tensor.pad %[[X]] low[0, 0, 0, 1, 0] high[0, 0, 0, 1, 2]
// CHECK: tensor<1x2x1x5x6xf32> to tensor<1x2x1x7x8xf32>
// CHECK: %[[B:.+]] = linalg.broadcast {{.*}} outs({{.*}} : tensor<1x3x1x3x3xf32>) dimensions = [0, 2, 3, 4]
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<1> : tensor<3xi64>, strides = dense<[1, 2, 2]> : tensor<3xi64>} ins(%[[P]], %[[W]] : {{.*}}) outs(%[[B]]
// CHECK: %[[R:.+]] = linalg.generic {{.*}} ins(%[[C]] : tensor<1x3x1x3x3xf32>)
// CHECK: arith.maximumf
// CHECK-NOT: tensor.{{collapse|expand}}_shape
// CHECK: %[[D:.+]] = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<1> : tensor<3xi64>, strides = dense<1> : tensor<3xi64>} ins(%[[R]], %[[V]]
// CHECK: %[[F:.+]] = tensor.collapse_shape %[[D]] {{\[\[}}0], [1, 2, 3, 4]] : tensor<1x2x1x3x1xf32> into tensor<1x6xf32>
// CHECK: return %[[F]]

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @main(%x: tensor<1x2x5x6xf32>) -> tensor<1x6xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<3x2x3x3xf32>
  %v = arith.constant dense<2.0> : tensor<2x3x1x3xf32>
  %b = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %p = tensor.pad %x low[0, 0, 1, 0] high[0, 0, 1, 2] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x2x5x6xf32> to tensor<1x2x7x8xf32>
  %e = tensor.empty() : tensor<1x3x3x3xf32>
  %i = linalg.broadcast ins(%b : tensor<3xf32>) outs(%e : tensor<1x3x3x3xf32>) dimensions = [0, 2, 3]
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%p, %w : tensor<1x2x7x8xf32>, tensor<3x2x3x3xf32>) outs(%i : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<1x3x3x3xf32>) outs(%e : tensor<1x3x3x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x3x3xf32>
  %f = tensor.empty() : tensor<1x2x3x1xf32>
  %j = linalg.fill ins(%zero : f32) outs(%f : tensor<1x2x3x1xf32>) -> tensor<1x2x3x1xf32>
  %d = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%r, %v : tensor<1x3x3x3xf32>, tensor<2x3x1x3xf32>) outs(%j : tensor<1x2x3x1xf32>) -> tensor<1x2x3x1xf32>
  %g = tensor.collapse_shape %d [[0], [1, 2, 3]] : tensor<1x2x3x1xf32> into tensor<1x6xf32>
  return %g : tensor<1x6xf32>
}
