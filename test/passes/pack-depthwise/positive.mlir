// RUN: %opt %s --passes=pack-depthwise{group=2x2} | filecheck %s

// Three channels in blocks of two: two blocks, the fourth lane's weights zero. Weights are [block, kernel, 1, lane].
// CHECK: %[[W:.+]] = arith.constant dense<{{\[\[\[\[\[\[}}1.000000e+00, 3.000000e+00]], {{\[\[}}2.000000e+00, 4.000000e+00]]]]], {{\[\[\[\[\[}}5.000000e+00, 0.000000e+00]], {{\[\[}}6.000000e+00, 0.000000e+00]]]]]]> : tensor<2x1x1x2x1x2xf32>
// CHECK: %[[X:.+]] = linalg.pack %arg0 {{.*}}inner_dims_pos = [1] inner_tiles = [2] {{.*}} -> tensor<1x2x1x1x6x2xf32>
// CHECK: %[[Y:.+]] = linalg.generic
// CHECK-SAME: "parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]
// CHECK-SAME: ins(%[[W]] : {{.*}} outs(%{{.+}} : tensor<1x2x1x1x2x2xf32>)
// CHECK-SAME: depthwise_conv = {dilations = array<i64: 1, 1, 3>, group = array<i64: 1, 1>, ins = ["weights"], layer = "conv_0", strides = array<i64: 1, 1, 2>}
// CHECK: tensor.extract %[[X]]{{.*}} {operand = "x"}
// CHECK: arith.mulf
// CHECK: linalg.unpack %[[Y]] inner_dims_pos = [1] inner_tiles = [2] {{.*}} -> tensor<1x3x1x1x2xf32>
// CHECK-NOT: tensor.collapse_shape

#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 2 + kw * 3)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
func.func @main(%x: tensor<1x3x1x1x6xf32>) -> tensor<1x3x1x1x2xf32> {
  %w = arith.constant dense<[[[[[1.0, 2.0]]]], [[[[3.0, 4.0]]]], [[[[5.0, 6.0]]]]]> : tensor<3x1x1x1x2xf32>
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
