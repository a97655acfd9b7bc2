// RUN: %opt %s --passes=lift-to-3d | filecheck %s

// What stands behind a lifted layer: a scale per channel, a mean (as AdaptiveAvgPool2d(1) and as mean((2, 3))), a
// concatenation of two axes, and a divisor that depends on the row.
// CHECK-DAG: #[[FULL:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
// CHECK-DAG: #[[CHANNEL:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, 0, 0)>
// CHECK-DAG: #[[POOLED:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, 0, 0, 0)>
// CHECK-DAG: #[[MEAN:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1)>
// CHECK: %[[X:.+]] = tensor.expand_shape %arg0
// CHECK-NOT: tensor.{{collapse|expand}}_shape
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw
// CHECK: %[[S:.+]] = linalg.generic {indexing_maps = [#[[FULL]], #[[CHANNEL]], #[[FULL]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%[[C]], %{{.+}} : tensor<1x2x1x4x4xf32>, tensor<2x1x1xf32>)
// CHECK: linalg.generic {indexing_maps = [#[[FULL]], #[[POOLED]]], iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%[[S]] : {{.*}}) outs({{.*}} : tensor<1x2x1x1x1xf32>)
// CHECK: linalg.generic {indexing_maps = [#[[FULL]], #[[MEAN]]], iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%[[S]] : {{.*}}) outs({{.*}} : tensor<1x2xf32>)
// CHECK: tensor.concat dim(3) %[[S]], %[[C]] : (tensor<1x2x1x4x4xf32>, tensor<1x2x1x4x4xf32>) -> tensor<1x2x1x8x4xf32>
// CHECK: linalg.generic
// CHECK: linalg.index 3 : index

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d1, 0, 0)>
#pooled = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, 0)>
#mean = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
func.func @main(%x: tensor<1x2x4x4xf32>)
    -> (tensor<1x2x1x1xf32>, tensor<1x2xf32>, tensor<1x2x8x4xf32>, tensor<1x2x4x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<2x2x1x1xf32>
  %scale = arith.constant dense<[[[2.0]], [[3.0]]]> : tensor<2x1x1xf32>
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) outs(%i : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %s = linalg.generic {indexing_maps = [#id, #channel, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %scale : tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) outs(%e : tensor<1x2x4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x4x4xf32>
  %f = tensor.empty() : tensor<1x2x1x1xf32>
  %j = linalg.fill ins(%zero : f32) outs(%f : tensor<1x2x1x1xf32>) -> tensor<1x2x1x1xf32>
  %p = linalg.generic {indexing_maps = [#id, #pooled],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%s : tensor<1x2x4x4xf32>) outs(%j : tensor<1x2x1x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1xf32>
  %g = tensor.empty() : tensor<1x2xf32>
  %k = linalg.fill ins(%zero : f32) outs(%g : tensor<1x2xf32>) -> tensor<1x2xf32>
  %m = linalg.generic {indexing_maps = [#id, #mean],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%s : tensor<1x2x4x4xf32>) outs(%k : tensor<1x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x2xf32>
  %t = tensor.concat dim(2) %s, %c : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x8x4xf32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<1x2x4x4xf32>) outs(%e : tensor<1x2x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = linalg.index 2 : index
    %h = arith.index_cast %n : index to i32
    %q = arith.sitofp %h : i32 to f32
    %0 = arith.divf %a, %q : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x4x4xf32>
  return %p, %m, %t, %d : tensor<1x2x1x1xf32>, tensor<1x2xf32>, tensor<1x2x8x4xf32>, tensor<1x2x4x4xf32>
}
