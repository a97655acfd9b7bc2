// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// pack(pad(x)) = pad(pack(x)): the entry conversion writes into the padded tensor. 1 row below, 2 columns above.
// CHECK: %[[P:.+]] = linalg.pack %arg0 inner_dims_pos = [1] inner_tiles = [4] {{.*}} -> tensor<1x1x1x2x3x4xf32>
// CHECK: tensor.insert_slice %[[P]] into %{{.+}}[0, 0, 0, 1, 0, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x1x1x3x5x4xf32>
// CHECK-NOT: tensor.pad

func.func @main(%x: tensor<1x4x1x2x3xf32>, %e: tensor<1x1x1x3x5x4xf32>) -> tensor<1x1x1x3x5x4xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0, 0, 1, 0] high[0, 0, 0, 0, 2] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %zero : f32
  } : tensor<1x4x1x2x3xf32> to tensor<1x4x1x3x5xf32>
  %b = linalg.pack %p inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x3x5xf32> -> tensor<1x1x1x3x5x4xf32>
  return %b : tensor<1x1x1x3x5x4xf32>
}
