// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// 6 and 8 channels joined: each part begins a block of its own, and a gather closes the gap. Of the 14 channels the
// second to the fifth are a gather of the first one's input.
// CHECK-NOT: remark
// CHECK-DAG: arith.constant dense<{{\[\[}}0, 1, 2, 3], [4, 5, 8, 9], [10, 11, 12, 13], [14, 15, -1, -1]]> : tensor<4x4xi32>
// CHECK-DAG: %[[CUT:.+]] = arith.constant dense<{{\[\[}}1, 2, 3, 4]]> : tensor<1x4xi32>
// CHECK: %[[L0:.+]] = tensor.insert_slice %arg0 into %{{.+}}[0, 0, 0, 0, 0, 0] [1, 2, 1, 1, 3, 4]
// CHECK: %[[L1:.+]] = tensor.insert_slice %arg1 into %[[L0]][0, 2, 0, 0, 0, 0] [1, 2, 1, 1, 3, 4]
// CHECK: linalg.generic {{.*}} ins(%[[CUT]] : tensor<1x4xi32>) {{.*}}channel_gather
// CHECK: tensor.extract %[[L1]]
// CHECK-NOT: tensor.concat

func.func @main(%a: tensor<1x2x1x1x3x4xf32>, %b: tensor<1x2x1x1x3x4xf32>)
    -> (tensor<1x14x1x1x3xf32>, tensor<1x4x1x1x3xf32>) {
  %xe = tensor.empty() : tensor<1x6x1x1x3xf32>
  %x = linalg.unpack %a inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x2x1x1x3x4xf32> -> tensor<1x6x1x1x3xf32>
  %ye = tensor.empty() : tensor<1x8x1x1x3xf32>
  %y = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %ye : tensor<1x2x1x1x3x4xf32> -> tensor<1x8x1x1x3xf32>
  %k = tensor.concat dim(1) %x, %y : (tensor<1x6x1x1x3xf32>, tensor<1x8x1x1x3xf32>) -> tensor<1x14x1x1x3xf32>
  %s = tensor.extract_slice %k[0, 1, 0, 0, 0] [1, 4, 1, 1, 3] [1, 1, 1, 1, 1] : tensor<1x14x1x1x3xf32> to tensor<1x4x1x1x3xf32>
  return %k, %s : tensor<1x14x1x1x3xf32>, tensor<1x4x1x1x3xf32>
}
