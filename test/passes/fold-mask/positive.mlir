// RUN: %opt %s --passes=fold-mask | filecheck %s

// weight * mask becomes one constant; small ones print inline.
// CHECK: arith.constant dense<{{\[\[\[\[\[}}2.000000e+00]]], {{\[\[\[}}0.000000e+00]]]], {{\[\[\[\[}}0.000000e+00]]], {{\[\[\[}}5.000000e+00]]]]]> : tensor<2x2x1x1x1xf32>
// CHECK-NOT: linalg.generic
// CHECK: linalg.conv_3d_ncdhw_fcdhw

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x2x1x1x3xf32>, %init: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<[[[[[2.0]]], [[[3.0]]]], [[[[4.0]]], [[[5.0]]]]]> : tensor<2x2x1x1x1xf32>
  %mask = arith.constant dense<[[[[[1.0]]], [[[0.0]]]], [[[[0.0]]], [[[1.0]]]]]> : tensor<2x2x1x1x1xf32>
  %e = tensor.empty() : tensor<2x2x1x1x1xf32>
  %wm = linalg.generic {indexing_maps = [#id, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%w, %mask : tensor<2x2x1x1x1xf32>, tensor<2x2x1x1x1xf32>) outs(%e : tensor<2x2x1x1x1xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<2x2x1x1x1xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %wm : tensor<1x2x1x1x3xf32>, tensor<2x2x1x1x1xf32>)
      outs(%init : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
