// RUN: %opt %s --passes=schedule-cpu{target=cortex-a76} 2>&1 | filecheck %s

// CHECK: remark: schedule-cpu: linalg.pack: it does not block the channels of a static NCDHW tensor of f32
// CHECK: linalg.pack
// CHECK-NOT: flow.dispatch

func.func @main(%x: tensor<1x4x1x2x8xf32>, %e: tensor<1x4x1x2x2x4xf32>) -> tensor<1x4x1x2x2x4xf32> {
  %b = linalg.pack %x inner_dims_pos = [4] inner_tiles = [4] into %e : tensor<1x4x1x2x8xf32> -> tensor<1x4x1x2x2x4xf32>
  return %b : tensor<1x4x1x2x2x4xf32>
}
