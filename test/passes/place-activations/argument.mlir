// RUN: %opt %s --passes=place-activations | filecheck %s

// An argument cannot be written in place: its link copies it, as does that of a value which has its place already.
// CHECK: %[[E:.+]] = tensor.empty() : tensor<1x3x1x1x3x4xf32>
// CHECK: %[[L0:.+]] = tensor.insert_slice %arg1 into %[[E]][0, 2, 0, 0, 0, 0]
// CHECK: %[[X:.+]] = linalg.pack %arg0
// CHECK: %[[L1:.+]] = tensor.insert_slice %[[X]] into %[[L0]][0, 0, 0, 0, 0, 0]
// CHECK: %[[L2:.+]] = tensor.insert_slice %[[X]] into %[[L1]][0, 1, 0, 0, 0, 0]
// CHECK: return %[[L2]]

func.func @main(%x: tensor<1x4x1x1x3xf32>, %b: tensor<1x1x1x1x3x4xf32>) -> tensor<1x3x1x1x3x4xf32> {
  %e = tensor.empty() : tensor<1x1x1x1x3x4xf32>
  %xb = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x1x3xf32> -> tensor<1x1x1x1x3x4xf32>
  %e3 = tensor.empty() : tensor<1x3x1x1x3x4xf32>
  %k0 = tensor.insert_slice %xb into %e3[0, 0, 0, 0, 0, 0] [1, 1, 1, 1, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x1x3x4xf32> into tensor<1x3x1x1x3x4xf32>
  %k1 = tensor.insert_slice %xb into %k0[0, 1, 0, 0, 0, 0] [1, 1, 1, 1, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x1x3x4xf32> into tensor<1x3x1x1x3x4xf32>
  %k2 = tensor.insert_slice %b into %k1[0, 2, 0, 0, 0, 0] [1, 1, 1, 1, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x1x3x4xf32> into tensor<1x3x1x1x3x4xf32>
  return %k2 : tensor<1x3x1x1x3x4xf32>
}
