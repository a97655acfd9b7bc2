func.func @main(%x: tensor<1x4x1x5x7xf32>) -> tensor<1x4x1x3x3xf32> {
  %w = arith.constant dense<2.0> : tensor<4x4x1x1x1xf32>
  %v = arith.constant dense<3.0> : tensor<4x4x1x2x2xf32>
  %bias = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x4x1x5x7xf32>
  %i = linalg.broadcast ins(%bias : tensor<4xf32>) outs(%e : tensor<1x4x1x5x7xf32>) dimensions = [0, 2, 3, 4]
  %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x5x7xf32>, tensor<4x4x1x1x1xf32>)
      outs(%i : tensor<1x4x1x5x7xf32>) -> tensor<1x4x1x5x7xf32>
  %p = tensor.pad %c low[0, 0, 0, 1, 0] high[0, 0, 0, 0, 1] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %inf : f32
  } : tensor<1x4x1x5x7xf32> to tensor<1x4x1x6x8xf32>
  %window = tensor.empty() : tensor<1x2x3xf32>
  %pe = tensor.empty() : tensor<1x4x1x3x2xf32>
  %pi = linalg.fill ins(%inf : f32) outs(%pe : tensor<1x4x1x3x2xf32>) -> tensor<1x4x1x3x2xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2 + d5, d3 * 2 + d6, d4 * 3 + d7)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d5, d6, d7)>, affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2, d3, d4)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %window : tensor<1x4x1x6x8xf32>, tensor<1x2x3xf32>) outs(%pi : tensor<1x4x1x3x2xf32>) {
  ^bb0(%in: f32, %win: f32, %out: f32):
    %y = arith.maximumf %in, %out : f32
    linalg.yield %y : f32
  } -> tensor<1x4x1x3x2xf32>
  %q = tensor.pad %m low[0, 0, 0, 0, 2] high[0, 0, 0, 1, 0] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %zero : f32
  } : tensor<1x4x1x3x2xf32> to tensor<1x4x1x4x4xf32>
  %e2 = tensor.empty() : tensor<1x4x1x3x3xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x4x1x3x3xf32>) -> tensor<1x4x1x3x3xf32>
  %z = linalg.conv_3d_ncdhw_fcdhw ins(%q, %v : tensor<1x4x1x4x4xf32>, tensor<4x4x1x2x2xf32>)
      outs(%i2 : tensor<1x4x1x3x3xf32>) -> tensor<1x4x1x3x3xf32>
  return %z : tensor<1x4x1x3x3xf32>
}
