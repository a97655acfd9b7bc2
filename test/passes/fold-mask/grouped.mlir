// RUN: %opt %s --passes=fold-mask | filecheck %s

// The masked weights of a grouped conv are one constant behind the same expand_shape.
// CHECK: %[[W:.+]] = arith.constant dense<{{\[\[\[\[\[}}0.000000e+00]]]], {{\[\[\[\[}}-3.000000e+00]]]]]> : tensor<2x1x1x1x1xf32>
// CHECK: tensor.expand_shape %[[W]] {{\[\[}}0, 1], [2], [3], [4], [5]]
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic

#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 1 + kw * 1)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x2x1x1x3xf32>, %init: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w0 = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %mask = arith.constant dense<[[[[[0.0]]]], [[[[1.0]]]]]> : tensor<2x1x1x1x1xf32>
  %e = tensor.empty() : tensor<2x1x1x1x1xf32>
  %w = linalg.generic {indexing_maps = [#id, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%w0, %mask : tensor<2x1x1x1x1xf32>, tensor<2x1x1x1x1xf32>) outs(%e : tensor<2x1x1x1x1xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.mulf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<2x1x1x1x1xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 1, 1, 1, 3] : tensor<1x2x1x1x3xf32> into tensor<1x2x1x1x1x3xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [2, 1, 1, 1, 1, 1] : tensor<2x1x1x1x1xf32> into tensor<2x1x1x1x1x1xf32>
  %ig = tensor.expand_shape %init [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 1, 1, 1, 3] : tensor<1x2x1x1x3xf32> into tensor<1x2x1x1x1x3xf32>
  %yg = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel",
                        "reduction", "reduction", "reduction", "reduction"]}
      ins(%xg, %wg : tensor<1x2x1x1x1x3xf32>, tensor<2x1x1x1x1x1xf32>) outs(%ig : tensor<1x2x1x1x1x3xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %sum : f32
    linalg.yield %s : f32
  } -> tensor<1x2x1x1x1x3xf32>
  %y = tensor.collapse_shape %yg [[0], [1, 2], [3], [4], [5]] : tensor<1x2x1x1x1x3xf32> into tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
