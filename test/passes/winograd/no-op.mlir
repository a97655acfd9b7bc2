// RUN: %opt %s --passes=winograd{target=cortex-a76} 2>&1 | filecheck %s

// CHECK-NOT: remark
// CHECK: func.func @main(%[[X:.+]]: tensor<1x4xf32>)
// CHECK-NEXT: return %[[X]]
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}
