// RUN: %unchanged > %t.before
// RUN: %opt %s --passes=pack-depthwise > %t.after 2>&1
// RUN: diff %t.before %t.after

// A plain conv, a product that reads its window backwards, and a sum that is no conv.

#back = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 2 - kw + 1)>
#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 1 + kw * 1)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
#id = affine_map<(n, c, d, h, w) -> (n, c, d, h, w)>
func.func @plain(%x: tensor<1x2x1x1x3xf32>, %i: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2x1x1x1xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x2x1x1x3xf32>, tensor<2x2x1x1x1xf32>)
      outs(%i : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
func.func @backwards(%x: tensor<1x3x1x1x6xf32>) -> tensor<1x3x1x1x2xf32> {
  %w = arith.constant dense<[[[[[1.0, 2.0]]]], [[[[3.0, 4.0]]]], [[[[5.0, 6.0]]]]]> : tensor<3x1x1x1x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x3x1x1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x1x1x2xf32>) -> tensor<1x3x1x1x2xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 3, 1, 1, 1, 6] : tensor<1x3x1x1x6xf32> into tensor<1x3x1x1x1x6xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [3, 1, 1, 1, 1, 2] : tensor<3x1x1x1x2xf32> into tensor<3x1x1x1x1x2xf32>
  %ig = tensor.expand_shape %init [[0], [1, 2], [3], [4], [5]] output_shape [1, 3, 1, 1, 1, 2] : tensor<1x3x1x1x2xf32> into tensor<1x3x1x1x1x2xf32>
  %yg = linalg.generic {indexing_maps = [#back, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel",
                        "reduction", "reduction", "reduction", "reduction"]}
      ins(%xg, %wg : tensor<1x3x1x1x1x6xf32>, tensor<3x1x1x1x1x2xf32>) outs(%ig : tensor<1x3x1x1x1x2xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %sum : f32
    linalg.yield %s : f32
  } -> tensor<1x3x1x1x1x2xf32>
  %y = tensor.collapse_shape %yg [[0], [1, 2], [3], [4], [5]] : tensor<1x3x1x1x1x2xf32> into tensor<1x3x1x1x2xf32>
  return %y : tensor<1x3x1x1x2xf32>
}
func.func @differences(%x: tensor<1x3x1x1x3xf32>) -> tensor<1x3x1x1x2xf32> {
  %w = arith.constant dense<[[[[[1.0, 2.0]]]], [[[[3.0, 4.0]]]], [[[[5.0, 6.0]]]]]> : tensor<3x1x1x1x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x3x1x1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x1x1x2xf32>) -> tensor<1x3x1x1x2xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 3, 1, 1, 1, 3] : tensor<1x3x1x1x3xf32> into tensor<1x3x1x1x1x3xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [3, 1, 1, 1, 1, 2] : tensor<3x1x1x1x2xf32> into tensor<3x1x1x1x1x2xf32>
  %ig = tensor.expand_shape %init [[0], [1, 2], [3], [4], [5]] output_shape [1, 3, 1, 1, 1, 2] : tensor<1x3x1x1x2xf32> into tensor<1x3x1x1x1x2xf32>
  %yg = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel",
                        "reduction", "reduction", "reduction", "reduction"]}
      ins(%xg, %wg : tensor<1x3x1x1x1x3xf32>, tensor<3x1x1x1x1x2xf32>) outs(%ig : tensor<1x3x1x1x1x2xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.subf %a, %b : f32
    %s = arith.addf %p, %sum : f32
    linalg.yield %s : f32
  } -> tensor<1x3x1x1x1x2xf32>
  %y = tensor.collapse_shape %yg [[0], [1, 2], [3], [4], [5]] : tensor<1x3x1x1x1x2xf32> into tensor<1x3x1x1x2xf32>
  return %y : tensor<1x3x1x1x2xf32>
}
