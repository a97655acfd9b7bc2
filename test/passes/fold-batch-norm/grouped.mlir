// RUN: %opt %s --passes=fold-batch-norm | filecheck %s

// The scale of each filter goes into the weights of a depthwise conv as into a plain one's; its form stays.
// CHECK-DAG: %[[W:.+]] = arith.constant dense<{{\[\[\[\[\[}}8.000000e+00]]]], {{\[\[\[\[}}-1.500000e+00]]]]]> : tensor<2x1x1x1x1xf32>
// CHECK-DAG: %[[B:.+]] = arith.constant dense<[4.000000e+01, 1.000000e+01]> : tensor<2xf32>
// CHECK: %[[I:.+]] = linalg.broadcast ins(%[[B]]
// CHECK-DAG: tensor.expand_shape %[[W]]
// CHECK-DAG: tensor.expand_shape %[[I]]
// CHECK: %[[G:.+]] = linalg.generic
// CHECK: %[[C:.+]] = tensor.collapse_shape %[[G]]
// CHECK-NOT: linalg.generic
// CHECK: return %[[C]]

#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 1 + kw * 1)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %bias = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<1x2x1x1x3xf32>
  %init = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x2x1x1x3xf32>) dimensions = [0, 2, 3, 4]
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
  %c = tensor.collapse_shape %yg [[0], [1, 2], [3], [4], [5]] : tensor<1x2x1x1x1x3xf32> into tensor<1x2x1x1x3xf32>
  %scale = arith.constant dense<[[[[4.0]]], [[[0.5]]]]> : tensor<2x1x1x1xf32>
  %y = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1, d2, d3, d4) -> (d1, 0, 0, 0)>, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %scale : tensor<1x2x1x1x3xf32>, tensor<2x1x1x1xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.mulf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
