// RUN: %opt %s --passes=schedule-cpu{target=cortex-a76} 2>&1 | filecheck %s
// RUN: %opt %s --passes=schedule-vulkan{target=vulkan-adreno} 2>&1 | filecheck %s

// A kernel on zeros alone, and one on its result: IREE is kept from running them when it compiles.
func.func @main(%x: tensor<1x4x1x1x2xf32>) -> (tensor<1x1x1x1x2x4xf32>, tensor<1x4x1x1x2xf32>, tensor<1x1x1x1x2x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x4x1x1x2xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x4x1x1x2xf32>) -> tensor<1x4x1x1x2xf32>
  %blocks = tensor.empty() : tensor<1x1x1x1x2x4xf32>
  %a = linalg.pack %zeros inner_dims_pos = [1] inner_tiles = [4] into %blocks : tensor<1x4x1x1x2xf32> -> tensor<1x1x1x1x2x4xf32>
  %b = linalg.unpack %a inner_dims_pos = [1] inner_tiles = [4] into %empty : tensor<1x1x1x1x2x4xf32> -> tensor<1x4x1x1x2xf32>
  %c = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %blocks : tensor<1x4x1x1x2xf32> -> tensor<1x1x1x1x2x4xf32>
  return %a, %b, %c : tensor<1x1x1x1x2x4xf32>, tensor<1x4x1x1x2xf32>, tensor<1x1x1x1x2x4xf32>
}

// CHECK-LABEL: func.func @main
// CHECK: %[[ZEROS:.+]] = linalg.fill
// CHECK: %[[HELD:.+]] = util.optimization_barrier %[[ZEROS]]
// CHECK-NEXT: %[[A:.+]] = flow.dispatch @{{.+}}(%[[HELD]])
// CHECK-NOT: util.optimization_barrier
// CHECK: flow.dispatch @{{.+}}(%[[A]])
// CHECK-NOT: util.optimization_barrier
// CHECK: flow.dispatch @{{.+}}(%arg0)
