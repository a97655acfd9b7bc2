// RUN: %opt %s --passes="fold-mask, pack-kgs{dense=true group=16x4} ,block-layout" | filecheck %s

// CHECK: func.func @main

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
