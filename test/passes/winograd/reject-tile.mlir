// RUN: not %opt %s --passes=winograd{tile=3} 2>&1 | filecheck %s

// CHECK: winograd{tile=3}: expected 2 or 4
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  return %x : tensor<1x4xf32>
}
