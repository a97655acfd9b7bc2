// RUN: not %opt %s -o %t.missing/out.mlir 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: {{.*}}out.mlir cannot be written: No such file or directory
// CHECK-NOT: Traceback

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
