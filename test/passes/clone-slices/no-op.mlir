// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=clone-slices > %t.after 2>&1
// RUN: diff %t.before %t.after

// A part of another tensor, and one that is computed with: IREE gives each a dispatch of its own.

func.func @other(%x: tensor<3x3xf32>, %y: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %e = tensor.extract_slice %y[0, 1] [2, 2] [1, 1] : tensor<3x3xf32> to tensor<2x2xf32>
  %r = tensor.insert_slice %e into %x[1, 0] [2, 2] [1, 1] : tensor<2x2xf32> into tensor<3x3xf32>
  return %r : tensor<3x3xf32>
}
func.func @computed(%x: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %e = tensor.extract_slice %x[0, 1] [2, 2] [1, 1] : tensor<3x3xf32> to tensor<2x2xf32>
  %m = tensor.empty() : tensor<2x2xf32>
  %g = linalg.map { math.exp } ins(%e : tensor<2x2xf32>) outs(%m : tensor<2x2xf32>)
  %r = tensor.insert_slice %g into %x[1, 0] [2, 2] [1, 1] : tensor<2x2xf32> into tensor<3x3xf32>
  return %r : tensor<3x3xf32>
}

// A shape that is not known.
func.func @dynamic(%x: tensor<3x3xf32>, %n: index) -> tensor<3x3xf32> {
  %e = tensor.extract_slice %x[0, 1] [%n, 2] [1, 1] : tensor<3x3xf32> to tensor<?x2xf32>
  %r = tensor.insert_slice %e into %x[1, 0] [%n, 2] [1, 1] : tensor<?x2xf32> into tensor<3x3xf32>
  return %r : tensor<3x3xf32>
}

// A slice that is not gathered from.
func.func @column(%x: tensor<4x8xf32>) -> tensor<4x1xf32> {
  %column = tensor.extract_slice %x[0, 1] [4, 1] [1, 1] : tensor<4x8xf32> to tensor<4x1xf32>
  return %column : tensor<4x1xf32>
}
