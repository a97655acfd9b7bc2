// RUN: %opt %s --passes=pack-depthwise 2>&1 | filecheck %s

// CHECK-DAG: remark: pack-depthwise: conv: its weights are not constant
// CHECK-DAG: remark: pack-depthwise: conv_0: it does not start from zero (run fuse-epilogue first)
// CHECK-NOT: depthwise_conv

#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 2 + kw * 3)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
func.func @weights(%x: tensor<1x3x1x1x6xf32>, %w: tensor<3x1x1x1x2xf32>) -> tensor<1x3x1x1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x3x1x1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x1x1x2xf32>) -> tensor<1x3x1x1x2xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 3, 1, 1, 1, 6] : tensor<1x3x1x1x6xf32> into tensor<1x3x1x1x1x6xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [3, 1, 1, 1, 1, 2] : tensor<3x1x1x1x2xf32> into tensor<3x1x1x1x1x2xf32>
  %ig = tensor.expand_shape %init [[0], [1, 2], [3], [4], [5]] output_shape [1, 3, 1, 1, 1, 2] : tensor<1x3x1x1x2xf32> into tensor<1x3x1x1x1x2xf32>
  %yg = linalg.generic {indexing_maps = [#x, #w, #y],
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
func.func @starts(%x: tensor<1x3x1x1x6xf32>, %init: tensor<1x3x1x1x2xf32>) -> tensor<1x3x1x1x2xf32> {
  %w = arith.constant dense<[[[[[1.0, 2.0]]]], [[[[3.0, 4.0]]]], [[[[5.0, 6.0]]]]]> : tensor<3x1x1x1x2xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 3, 1, 1, 1, 6] : tensor<1x3x1x1x6xf32> into tensor<1x3x1x1x1x6xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [3, 1, 1, 1, 1, 2] : tensor<3x1x1x1x2xf32> into tensor<3x1x1x1x1x2xf32>
  %ig = tensor.expand_shape %init [[0], [1, 2], [3], [4], [5]] output_shape [1, 3, 1, 1, 1, 2] : tensor<1x3x1x1x2xf32> into tensor<1x3x1x1x1x2xf32>
  %yg = linalg.generic {indexing_maps = [#x, #w, #y],
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
