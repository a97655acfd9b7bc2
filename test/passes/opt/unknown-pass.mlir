// RUN: not %opt %s --passes=pack-kg 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: no pass is called 'pack-kg'; known: channels-first, lift-to-3d, fold-mask, trim-taps, {{.*}}; did you mean 'pack-kgs'?
// CHECK-NOT: Traceback
// CHECK-NOT: func.func

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
