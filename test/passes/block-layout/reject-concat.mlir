// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// The second part would start inside a block, a slice inside one, or with a stride of channels.
// CHECK: remark: block-layout: tensor.concat: parts of 6, 8 channels are joined inside a block of 4
// CHECK-NOT: remark
// CHECK: tensor.concat
// CHECK: tensor.extract_slice {{.*}} to tensor<1x4x1x1x3xf32>
// CHECK: tensor.extract_slice {{.*}} to tensor<1x2x1x1x3xf32>

func.func @main(%a: tensor<1x2x1x1x3x4xf32>, %b: tensor<1x2x1x1x3x4xf32>) -> (tensor<1x14x1x1x3xf32>, tensor<1x4x1x1x3xf32>, tensor<1x2x1x1x3xf32>) {
  %xe = tensor.empty() : tensor<1x6x1x1x3xf32>
  %x = linalg.unpack %a inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x2x1x1x3x4xf32> -> tensor<1x6x1x1x3xf32>
  %ye = tensor.empty() : tensor<1x8x1x1x3xf32>
  %y = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %ye : tensor<1x2x1x1x3x4xf32> -> tensor<1x8x1x1x3xf32>
  %k = tensor.concat dim(1) %x, %y : (tensor<1x6x1x1x3xf32>, tensor<1x8x1x1x3xf32>) -> tensor<1x14x1x1x3xf32>
  %s = tensor.extract_slice %y[0, 2, 0, 0, 0] [1, 4, 1, 1, 3] [1, 1, 1, 1, 1] : tensor<1x8x1x1x3xf32> to tensor<1x4x1x1x3xf32>
  %t = tensor.extract_slice %y[0, 0, 0, 0, 0] [1, 2, 1, 1, 3] [1, 4, 1, 1, 1] : tensor<1x8x1x1x3xf32> to tensor<1x2x1x1x3xf32>
  return %k, %s, %t : tensor<1x14x1x1x3xf32>, tensor<1x4x1x1x3xf32>, tensor<1x2x1x1x3xf32>
}
