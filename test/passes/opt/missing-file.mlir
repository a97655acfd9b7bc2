// RUN: not %opt %t.nowhere.mlir 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: no such file: {{.*}}.nowhere.mlir
// CHECK-NOT: Traceback

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
