// RUN: not %opt %s 2>&1 | filecheck %s

// CHECK: rt3d-mlir-opt: error: {{.*}}: resource w holds 1 elements, its type tensor<2xf32> says otherwise

func.func @main() -> tensor<2xf32> {
  %c = arith.constant dense_resource<w> : tensor<2xf32>
  return %c : tensor<2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      w: "0x040000000000803F"
    }
  }
#-}
