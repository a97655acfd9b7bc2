// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=pack-kgs{group=8x4} > %t.after 2>&1
// RUN: diff %t.before %t.after

// No conv, nothing to pack.

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = arith.mulf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
