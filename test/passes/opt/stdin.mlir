// RUN: %opt - --passes=fold-mask < %s | filecheck %s

// CHECK: func.func @main(%arg0: tensor<4xf32>)

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
