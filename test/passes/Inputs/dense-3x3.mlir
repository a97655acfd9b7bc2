// A dense 1x3x3 conv of 4 to 8 channels with padding 1, and bias.
#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#channel = affine_map<(d0, d1, d2, d3, d4) -> (d1)>
func.func @main(%x: tensor<1x4x2x5x4xf32>) -> tensor<1x8x2x5x4xf32> {
  %w = arith.constant dense<4.0> : tensor<8x4x1x3x3xf32>
  %bias = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<8xf32>
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0, 0, 1, 1] high[0, 0, 0, 1, 1] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %zero : f32
  } : tensor<1x4x2x5x4xf32> to tensor<1x4x2x7x6xf32>
  %e = tensor.empty() : tensor<1x8x2x5x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x2x5x4xf32>) -> tensor<1x8x2x5x4xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%p, %w : tensor<1x4x2x7x6xf32>, tensor<8x4x1x3x3xf32>) outs(%i : tensor<1x8x2x5x4xf32>) -> tensor<1x8x2x5x4xf32>
  %r = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%y, %bias : tensor<1x8x2x5x4xf32>, tensor<8xf32>) outs(%e : tensor<1x8x2x5x4xf32>) {
  ^bb0(%v: f32, %b: f32, %unused: f32):
    %s = arith.addf %v, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x8x2x5x4xf32>
  return %r : tensor<1x8x2x5x4xf32>
}
