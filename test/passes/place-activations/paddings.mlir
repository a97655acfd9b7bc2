// RUN: %opt %s --passes=place-activations | filecheck %s

// Read padded by 1 on all sides, by 2 above along w, and as it is: one tensor with 1 below and, along w, 2 above.
// CHECK: %[[X:.+]] = linalg.pack %arg0
// CHECK: %[[P:.+]] = tensor.insert_slice %[[X]] into %{{.+}}[0, 0, 0, 1, 1, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x1x1x4x6x4xf32>
// CHECK-DAG: %[[A:.+]] = tensor.extract_slice %[[P]][0, 0, 0, 0, 0, 0] [1, 1, 1, 4, 5, 4]
// CHECK-DAG: %[[B:.+]] = tensor.extract_slice %[[P]][0, 0, 0, 1, 1, 0] [1, 1, 1, 2, 5, 4]
// CHECK-DAG: %[[C:.+]] = tensor.extract_slice %[[P]][0, 0, 0, 1, 1, 0] [1, 1, 1, 2, 3, 4]
// CHECK-NOT: linalg.pack
// CHECK: return %[[A]], %[[B]], %[[C]]

func.func @main(%x: tensor<1x4x1x2x3xf32>) -> (tensor<1x1x1x4x5x4xf32>, tensor<1x1x1x2x5x4xf32>, tensor<1x1x1x2x3x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x1x1x2x3x4xf32>
  %b0 = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x3xf32> -> tensor<1x1x1x2x3x4xf32>
  %b1 = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x3xf32> -> tensor<1x1x1x2x3x4xf32>
  %e0 = tensor.empty() : tensor<1x1x1x4x5x4xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<1x1x1x4x5x4xf32>) -> tensor<1x1x1x4x5x4xf32>
  %p0 = tensor.insert_slice %b0 into %z0[0, 0, 0, 1, 1, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x1x1x4x5x4xf32>
  %e1 = tensor.empty() : tensor<1x1x1x2x5x4xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x1x1x2x5x4xf32>) -> tensor<1x1x1x2x5x4xf32>
  %p1 = tensor.insert_slice %b1 into %z1[0, 0, 0, 0, 0, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x1x1x2x5x4xf32>
  return %p0, %p1, %b1 : tensor<1x1x1x4x5x4xf32>, tensor<1x1x1x2x5x4xf32>, tensor<1x1x1x2x3x4xf32>
}
