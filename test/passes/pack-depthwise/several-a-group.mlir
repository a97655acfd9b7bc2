// RUN: %opt %s --passes=pack-depthwise{group=4x4} | filecheck %s --check-prefix=FEW
// RUN: %opt %s --passes=pack-depthwise{group=2x2} 2>&1 | filecheck %s --check-prefix=BLOCKS

// Two groups of four filters and two channels. Half a block of four channels: a lane sums two products.
// FEW: arith.constant dense<1.000000e+00> : tensor<2x1x1x1x2x4xf32>
// FEW: depthwise_conv = {{.*}} group = array<i64: 4, 2>
// A whole block of two is pack-kgs's.
// BLOCKS-NOT: depthwise_conv
// BLOCKS-NOT: remark

#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 1 + kw * 1)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
func.func @main(%x: tensor<1x4x1x1x3xf32>) -> tensor<1x8x1x1x3xf32> {
  %w = arith.constant dense<1.0> : tensor<8x2x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x1x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x1x3xf32>) -> tensor<1x8x1x1x3xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 2, 1, 1, 3] : tensor<1x4x1x1x3xf32> into tensor<1x2x2x1x1x3xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [2, 4, 2, 1, 1, 1] : tensor<8x2x1x1x1xf32> into tensor<2x4x2x1x1x1xf32>
  %ig = tensor.expand_shape %init [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 4, 1, 1, 3] : tensor<1x8x1x1x3xf32> into tensor<1x2x4x1x1x3xf32>
  %yg = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel",
                        "reduction", "reduction", "reduction", "reduction"]}
      ins(%xg, %wg : tensor<1x2x2x1x1x3xf32>, tensor<2x4x2x1x1x1xf32>) outs(%ig : tensor<1x2x4x1x1x3xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %sum : f32
    linalg.yield %s : f32
  } -> tensor<1x2x4x1x1x3xf32>
  %y = tensor.collapse_shape %yg [[0], [1, 2], [3], [4], [5]] : tensor<1x2x4x1x1x3xf32> into tensor<1x8x1x1x3xf32>
  return %y : tensor<1x8x1x1x3xf32>
}
