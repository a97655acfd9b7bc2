// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// 8 and 6 channels joined, and 4 of them from the second block on: whole blocks, but for the last one.
// CHECK-NOT: remark
// CHECK: %[[E:.+]] = tensor.empty() : tensor<1x4x1x1x3x4xf32>
// CHECK: %[[L0:.+]] = tensor.insert_slice %arg0 into %[[E]][0, 0, 0, 0, 0, 0] [1, 2, 1, 1, 3, 4]
// CHECK: %[[L1:.+]] = tensor.insert_slice %arg1 into %[[L0]][0, 2, 0, 0, 0, 0] [1, 2, 1, 1, 3, 4]
// CHECK: %[[S:.+]] = tensor.extract_slice %[[L1]][0, 1, 0, 0, 1, 0] [1, 1, 1, 1, 2, 4] [1, 1, 1, 1, 1, 1]
// CHECK: linalg.unpack %[[S]] {{.*}} -> tensor<1x4x1x1x2xf32>
// CHECK-NOT: tensor.concat

func.func @main(%a: tensor<1x2x1x1x3x4xf32>, %b: tensor<1x2x1x1x3x4xf32>) -> tensor<1x4x1x1x2xf32> {
  %xe = tensor.empty() : tensor<1x8x1x1x3xf32>
  %x = linalg.unpack %a inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x2x1x1x3x4xf32> -> tensor<1x8x1x1x3xf32>
  %ye = tensor.empty() : tensor<1x6x1x1x3xf32>
  %y = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %ye : tensor<1x2x1x1x3x4xf32> -> tensor<1x6x1x1x3xf32>
  %k = tensor.concat dim(1) %x, %y : (tensor<1x8x1x1x3xf32>, tensor<1x6x1x1x3xf32>) -> tensor<1x14x1x1x3xf32>
  %s = tensor.extract_slice %k[0, 4, 0, 0, 1] [1, 4, 1, 1, 2] [1, 1, 1, 1, 1] : tensor<1x14x1x1x3xf32> to tensor<1x4x1x1x2xf32>
  return %s : tensor<1x4x1x1x2xf32>
}
