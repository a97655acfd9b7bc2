// RUN: %opt %s --passes=fuse-epilogue | filecheck %s

// A grouped conv starts from zero too; bias and ReLU stand behind its collapse_shape.
// CHECK-DAG: %[[B:.+]] = arith.constant dense<[1.000000e+01, 2.000000e+01]> : tensor<2xf32>
// CHECK: %[[Z:.+]] = linalg.fill ins(%{{.+}} : f32)
// CHECK: %[[I:.+]] = tensor.expand_shape %[[Z]]
// CHECK: %[[G:.+]] = linalg.generic {{.*}} outs(%[[I]]
// CHECK: %[[C:.+]] = tensor.collapse_shape %[[G]]
// CHECK: %[[R:.+]] = linalg.generic {{.*}} ins(%[[C]], %[[B]] :
// CHECK: arith.maximumf
// CHECK: return %[[R]]

#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 1 + kw * 1)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %bias = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %zero = arith.constant 0.0 : f32
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
  %y = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<1x2x1x1x3xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %0 = arith.cmpf ugt, %a0, %zero : f32
    %1 = arith.select %0, %a0, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
