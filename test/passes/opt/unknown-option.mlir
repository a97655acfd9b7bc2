// RUN: not %opt %s --passes=pack-kgs{grup=8x4} 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: pack-kgs has no option 'grup=8x4'; known: group, dense; did you mean 'group'?
// CHECK-NOT: Traceback

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
