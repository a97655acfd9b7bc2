// RUN: not %opt %s 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: {{.*}}malformed.mlir does not parse as MLIR: {{.*}}expected
// CHECK-NOT: Traceback

func.func @main(%x: tensor<4xf32> -> {
