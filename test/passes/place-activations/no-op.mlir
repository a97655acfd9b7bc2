// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=place-activations > %t.after 2>&1
// RUN: diff %t.before %t.after

// One reader that pads, several that do not, and parts that do not fill what they are inserted into.

func.func @one(%x: tensor<1x4x1x2x3xf32>, %e: tensor<1x1x1x2x3x4xf32>) -> tensor<1x1x1x2x5x4xf32> {
  %zero = arith.constant 0.0 : f32
  %b = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x3xf32> -> tensor<1x1x1x2x3x4xf32>
  %ep = tensor.empty() : tensor<1x1x1x2x5x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%ep : tensor<1x1x1x2x5x4xf32>) -> tensor<1x1x1x2x5x4xf32>
  %p = tensor.insert_slice %b into %z[0, 0, 0, 0, 1, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x1x1x2x5x4xf32>
  return %p : tensor<1x1x1x2x5x4xf32>
}
func.func @unpadded(%x: tensor<1x4x1x2x3xf32>, %e: tensor<1x1x1x2x3x4xf32>) -> (tensor<1x1x1x2x3x4xf32>, tensor<1x1x1x2x3x4xf32>) {
  %b = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x3xf32> -> tensor<1x1x1x2x3x4xf32>
  return %b, %b : tensor<1x1x1x2x3x4xf32>, tensor<1x1x1x2x3x4xf32>
}
func.func @gap(%x: tensor<1x4x1x2x3xf32>, %e: tensor<1x1x1x2x3x4xf32>) -> tensor<1x2x1x2x3x4xf32> {
  %b = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x3xf32> -> tensor<1x1x1x2x3x4xf32>
  %e2 = tensor.empty() : tensor<1x2x1x2x3x4xf32>
  %i = tensor.insert_slice %b into %e2[0, 1, 0, 0, 0, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x2x1x2x3x4xf32>
  return %i : tensor<1x2x1x2x3x4xf32>
}
