// RUN: %opt %s --passes=linear-to-conv | filecheck %s

// The flatten goes, the kernel takes its shape (row m of W is filter m), bias becomes the initial value, and the ReLU
// moves in front of the collapse.
// CHECK-DAG: %[[W:.+]] = arith.constant dense<{{\[\[\[\[\[}}1.000000e+00, 2.000000e+00]]], {{\[\[\[}}3.000000e+00, 4.000000e+00]]]], {{.*}}1.200000e+01]]]]]> : tensor<3x2x1x1x2xf32>
// CHECK-DAG: %[[B:.+]] = arith.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32>
// CHECK-NOT: linalg.matmul
// CHECK: %[[I:.+]] = linalg.broadcast ins(%[[B]] : tensor<3xf32>) outs(%{{.+}} : tensor<2x3x1x1x1xf32>) dimensions = [0, 2, 3, 4]
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw {{.*}} ins(%arg0, %[[W]] : tensor<2x2x1x1x2xf32>, tensor<3x2x1x1x2xf32>) outs(%[[I]]
// CHECK: %[[R:.+]] = linalg.generic {{.*}} ins(%[[C]] : tensor<2x3x1x1x1xf32>)
// CHECK: arith.maximumf
// CHECK: %[[F:.+]] = tensor.collapse_shape %[[R]] {{\[\[}}0], [1, 2, 3, 4]] : tensor<2x3x1x1x1xf32> into tensor<2x3xf32>
// CHECK: return %[[F]]

#id = affine_map<(d0, d1) -> (d0, d1)>
#bias = affine_map<(d0, d1) -> (d1)>
func.func @main(%z: tensor<2x2x1x1x2xf32>) -> tensor<2x3xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0]]> : tensor<3x4xf32>
  %b = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %zero = arith.constant 0.0 : f32
  %f = tensor.collapse_shape %z [[0], [1, 2, 3, 4]] : tensor<2x2x1x1x2xf32> into tensor<2x4xf32>
  %te = tensor.empty() : tensor<4x3xf32>
  %t = linalg.transpose ins(%w : tensor<3x4xf32>) outs(%te : tensor<4x3xf32>) permutation = [1, 0]
  %e = tensor.empty() : tensor<2x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = linalg.matmul ins(%f, %t : tensor<2x4xf32>, tensor<4x3xf32>) outs(%init : tensor<2x3xf32>) -> tensor<2x3xf32>
  %s = linalg.generic {indexing_maps = [#id, #bias, #id], iterator_types = ["parallel", "parallel"]}
      ins(%y, %b : tensor<2x3xf32>, tensor<3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  } -> tensor<2x3xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}
