// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=block-layout > %t.after 2>&1
// RUN: diff %t.before %t.after

// Conversions of another axis, padding with ones, and padding of channels are not this pass's business.

func.func @width(%x: tensor<1x4x1x2x8xf32>, %e: tensor<1x4x1x2x2x4xf32>) -> tensor<1x4x1x2x2x4xf32> {
  %b = linalg.pack %x inner_dims_pos = [4] inner_tiles = [4] into %e : tensor<1x4x1x2x8xf32> -> tensor<1x4x1x2x2x4xf32>
  return %b : tensor<1x4x1x2x2x4xf32>
}
func.func @ones(%x: tensor<1x4x1x2x3xf32>, %e: tensor<1x1x1x2x4x4xf32>) -> tensor<1x1x1x2x4x4xf32> {
  %one = arith.constant 1.0 : f32
  %p = tensor.pad %x low[0, 0, 0, 0, 0] high[0, 0, 0, 0, 1] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %one : f32
  } : tensor<1x4x1x2x3xf32> to tensor<1x4x1x2x4xf32>
  %b = linalg.pack %p inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x4xf32> -> tensor<1x1x1x2x4x4xf32>
  return %b : tensor<1x1x1x2x4x4xf32>
}
func.func @channels(%x: tensor<1x3x1x2x3xf32>, %e: tensor<1x1x1x2x3x4xf32>) -> tensor<1x1x1x2x3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0, 0, 0, 0] high[0, 1, 0, 0, 0] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %zero : f32
  } : tensor<1x3x1x2x3xf32> to tensor<1x4x1x2x3xf32>
  %b = linalg.pack %p inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x3xf32> -> tensor<1x1x1x2x3x4xf32>
  return %b : tensor<1x1x1x2x3x4xf32>
}
