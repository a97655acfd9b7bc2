// RUN: %opt %s --passes=pack-kgs{group=2x2} | filecheck %s --check-prefixes=CHECK,EVEN
// RUN: %opt %s --passes=pack-kgs{group=4x2} | filecheck %s --check-prefixes=CHECK,EVEN
// RUN: %opt %s --passes=pack-kgs{group=4x4} | filecheck %s --check-prefix=ACROSS

// Two groups of two filters and two channels: row 0 has a tap in block 0, row 1 in block 1. Rows of four would multiply
// twice as much, so they have two.
// CHECK-DAG: arith.constant dense<[0, 1, 2]> : tensor<3xi32>
// EVEN-DAG: arith.constant dense<{{\[\[}}0, 0, 0, 0], [1, 0, 0, 0]]> : tensor<2x4xi32>
// EVEN-DAG: arith.constant dense<{{\[\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]], {{\[\[}}5.000000e+00, 7.000000e+00], [6.000000e+00, 8.000000e+00]]]> : tensor<2x2x2xf32>
// CHECK: packed_conv = {{.*}} group = array<i64: 2, 2>
// CHECK-NOT: tensor.expand_shape

// In blocks of four both groups are in one, with zeros where a filter's group does not read a channel.
// ACROSS-DAG: arith.constant dense<{{\[\[\[}}1.000000e+00, 3.000000e+00, 0.000000e+00, 0.000000e+00], [2.000000e+00, 4.000000e+00, 0.000000e+00, 0.000000e+00], [0.000000e+00, 0.000000e+00, 5.000000e+00, 7.000000e+00], [0.000000e+00, 0.000000e+00, 6.000000e+00, 8.000000e+00]]]>
// ACROSS: packed_conv = {{.*}} group = array<i64: 4, 4>

#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 1 + kw * 1)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
func.func @main(%x: tensor<1x4x1x1x2xf32>) -> tensor<1x4x1x1x2xf32> {
  %w = arith.constant dense<[[[[[1.0]]], [[[2.0]]]], [[[[3.0]]], [[[4.0]]]], [[[[5.0]]], [[[6.0]]]], [[[[7.0]]], [[[8.0]]]]]> : tensor<4x2x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x1x1x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x1x1x2xf32>) -> tensor<1x4x1x1x2xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 2, 1, 1, 2] : tensor<1x4x1x1x2xf32> into tensor<1x2x2x1x1x2xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [2, 2, 2, 1, 1, 1] : tensor<4x2x1x1x1xf32> into tensor<2x2x2x1x1x1xf32>
  %ig = tensor.expand_shape %init [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 2, 1, 1, 2] : tensor<1x4x1x1x2xf32> into tensor<1x2x2x1x1x2xf32>
  %yg = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel",
                        "reduction", "reduction", "reduction", "reduction"]}
      ins(%xg, %wg : tensor<1x2x2x1x1x2xf32>, tensor<2x2x2x1x1x1xf32>) outs(%ig : tensor<1x2x2x1x1x2xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %sum : f32
    linalg.yield %s : f32
  } -> tensor<1x2x2x1x1x2xf32>
  %y = tensor.collapse_shape %yg [[0], [1, 2], [3], [4], [5]] : tensor<1x2x2x1x1x2xf32> into tensor<1x4x1x1x2xf32>
  return %y : tensor<1x4x1x1x2xf32>
}
