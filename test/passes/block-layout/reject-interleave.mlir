// RUN: %opt %s --passes=block-layout | filecheck %s

// Phases that lie in front of the position, not behind it: quarters of an image side by side.
// CHECK-LABEL: @quarters
// CHECK-NOT: interleave =
// CHECK: linalg.transpose

// The phases of rows and columns are exchanged.
// CHECK-LABEL: @exchanged
// CHECK-NOT: interleave =
// CHECK: linalg.transpose

// A pixel unshuffle: positions become channels.
// CHECK-LABEL: @unshuffle
// CHECK-NOT: interleave =
// CHECK: linalg.transpose

func.func @quarters(%x: tensor<1x2x1x3x4x4xf32>) -> tensor<1x2x1x6x8xf32> {
  %ue = tensor.empty() : tensor<1x8x1x3x4xf32>
  %u = linalg.unpack %x inner_dims_pos = [1] inner_tiles = [4] into %ue : tensor<1x2x1x3x4x4xf32> -> tensor<1x8x1x3x4xf32>
  %e = tensor.expand_shape %u [[0], [1, 2, 3], [4], [5], [6]] output_shape [1, 2, 2, 2, 1, 3, 4] : tensor<1x8x1x3x4xf32> into tensor<1x2x2x2x1x3x4xf32>
  %te = tensor.empty() : tensor<1x2x1x2x3x2x4xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x2x1x3x4xf32>) outs(%te : tensor<1x2x1x2x3x2x4xf32>) permutation = [0, 1, 4, 2, 5, 3, 6]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3, 4], [5, 6]] : tensor<1x2x1x2x3x2x4xf32> into tensor<1x2x1x6x8xf32>
  return %c : tensor<1x2x1x6x8xf32>
}

func.func @exchanged(%x: tensor<1x2x1x3x4x4xf32>) -> tensor<1x2x1x6x8xf32> {
  %ue = tensor.empty() : tensor<1x8x1x3x4xf32>
  %u = linalg.unpack %x inner_dims_pos = [1] inner_tiles = [4] into %ue : tensor<1x2x1x3x4x4xf32> -> tensor<1x8x1x3x4xf32>
  %e = tensor.expand_shape %u [[0], [1, 2, 3], [4], [5], [6]] output_shape [1, 2, 2, 2, 1, 3, 4] : tensor<1x8x1x3x4xf32> into tensor<1x2x2x2x1x3x4xf32>
  %te = tensor.empty() : tensor<1x2x1x3x2x4x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x2x1x3x4xf32>) outs(%te : tensor<1x2x1x3x2x4x2xf32>) permutation = [0, 1, 4, 5, 3, 6, 2]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3, 4], [5, 6]] : tensor<1x2x1x3x2x4x2xf32> into tensor<1x2x1x6x8xf32>
  return %c : tensor<1x2x1x6x8xf32>
}

func.func @unshuffle(%x: tensor<1x2x1x6x8x4xf32>) -> tensor<1x32x1x3x4xf32> {
  %ue = tensor.empty() : tensor<1x8x1x6x8xf32>
  %u = linalg.unpack %x inner_dims_pos = [1] inner_tiles = [4] into %ue : tensor<1x2x1x6x8x4xf32> -> tensor<1x8x1x6x8xf32>
  %e = tensor.expand_shape %u [[0], [1], [2], [3, 4], [5, 6]] output_shape [1, 8, 1, 3, 2, 4, 2] : tensor<1x8x1x6x8xf32> into tensor<1x8x1x3x2x4x2xf32>
  %te = tensor.empty() : tensor<1x8x2x2x1x3x4xf32>
  %t = linalg.transpose ins(%e : tensor<1x8x1x3x2x4x2xf32>) outs(%te : tensor<1x8x2x2x1x3x4xf32>) permutation = [0, 1, 4, 6, 2, 3, 5]
  %c = tensor.collapse_shape %t [[0], [1, 2, 3], [4], [5], [6]] : tensor<1x8x2x2x1x3x4xf32> into tensor<1x32x1x3x4xf32>
  return %c : tensor<1x32x1x3x4xf32>
}
