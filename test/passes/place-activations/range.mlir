// RUN: %opt %s --passes=place-activations | filecheck %s

// The second block of channels, read padded: the whole is written padded, and the range is a view of it.
// CHECK: %[[X:.+]] = linalg.pack %arg0
// CHECK: %[[P:.+]] = tensor.insert_slice %[[X]] into %{{.+}}[0, 0, 0, 0, 1, 0] [1, 2, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x2x1x2x3x4xf32> into tensor<1x2x1x2x5x4xf32>
// CHECK: %[[R:.+]] = tensor.extract_slice %[[P]][0, 1, 0, 0, 0, 0] [1, 1, 1, 2, 5, 4]
// CHECK-NOT: tensor.{{(insert|extract)}}_slice
// CHECK: return %[[R]]

func.func @main(%x: tensor<1x8x1x2x3xf32>) -> tensor<1x1x1x2x5x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x1x2x3x4xf32>
  %b = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x8x1x2x3xf32> -> tensor<1x2x1x2x3x4xf32>
  %r = tensor.extract_slice %b[0, 1, 0, 0, 0, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x2x1x2x3x4xf32> to tensor<1x1x1x2x3x4xf32>
  %ep = tensor.empty() : tensor<1x1x1x2x5x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%ep : tensor<1x1x1x2x5x4xf32>) -> tensor<1x1x1x2x5x4xf32>
  %p = tensor.insert_slice %r into %z[0, 0, 0, 0, 1, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x1x1x2x5x4xf32>
  return %p : tensor<1x1x1x2x5x4xf32>
}
