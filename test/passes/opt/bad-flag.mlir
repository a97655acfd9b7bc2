// RUN: not %opt %s --passes=pack-kgs{dense=yes} 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: pack-kgs{dense=yes}: expected true or false
// CHECK-NOT: Traceback

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
