// RUN: not %opt %s --passes=pack-kgs{group=8y4} 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: group size '8y4': expected <filters>x<input channels>, as in 8x4
// CHECK-NOT: Traceback

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
