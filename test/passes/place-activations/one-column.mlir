// RUN: %opt %s --passes=place-activations | filecheck %s

// Blocks of one channel, read as they are, one column wide, and padded along w: IREE would not compile a gather from
// one column of the padded tensor, so the two stay apart.
// CHECK: %[[X:.+]] = linalg.pack %arg0
// CHECK: %[[P:.+]] = tensor.insert_slice %[[X]] into %{{.+}}[0, 0, 0, 0, 1, 0]
// CHECK-NOT: tensor.extract_slice
// CHECK: return %[[X]], %[[P]]

func.func @main(%x: tensor<1x1x5x3x1xf32>) -> (tensor<1x1x5x3x1x1xf32>, tensor<1x1x5x3x3x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x1x5x3x1x1xf32>
  %b = linalg.pack %x inner_dims_pos = [1] inner_tiles = [1] into %e : tensor<1x1x5x3x1xf32> -> tensor<1x1x5x3x1x1xf32>
  %e0 = tensor.empty() : tensor<1x1x5x3x3x1xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x1x5x3x3x1xf32>) -> tensor<1x1x5x3x3x1xf32>
  %p0 = tensor.insert_slice %b into %z0[0, 0, 0, 0, 1, 0] [1, 1, 5, 3, 1, 1] [1, 1, 1, 1, 1, 1] : tensor<1x1x5x3x1x1xf32> into tensor<1x1x5x3x3x1xf32>
  return %b, %p0 : tensor<1x1x5x3x1x1xf32>, tensor<1x1x5x3x3x1xf32>
}
