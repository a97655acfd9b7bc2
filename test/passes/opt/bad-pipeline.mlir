// RUN: not %opt %s --passes=fold-mask:pack-kgs 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: pipeline 'fold-mask:pack-kgs': cannot read 'fold-mask:pack-kgs'; expected name{option=value},name
// CHECK-NOT: Traceback

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
