// RUN: %opt %s --passes=lift-to-3d | filecheck %s

// Three windows of 2, in steps of 2, read 6 of the 8 rows and 6 of the 7 columns: the padding behind those goes.
// CHECK: %[[P:.+]] = tensor.pad %arg0 low[0, 0, 0, 1, 0] high[0, 0, 0, 0, 1]
// CHECK: %[[T:.+]] = linalg.transpose ins(%[[P]] : tensor<1x4x1x6x6xf32>)
// CHECK: linalg.pooling_ndhwc_sum {{.*}} ins(%[[T]], %{{.+}} : tensor<1x1x6x6x4xf32>, tensor<1x2x2xf32>)

func.func @main(%x: tensor<1x4x1x5x5xf32>) -> tensor<1x1x3x3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0, 0, 1, 0] high[0, 0, 0, 2, 2] {
  ^bb0(%a: index, %b: index, %c: index, %d: index, %e: index):
    tensor.yield %zero : f32
  } : tensor<1x4x1x5x5xf32> to tensor<1x4x1x8x7xf32>
  %l = tensor.empty() : tensor<1x1x8x7x4xf32>
  %t = linalg.transpose ins(%p : tensor<1x4x1x8x7xf32>) outs(%l : tensor<1x1x8x7x4xf32>) permutation = [0, 2, 3, 4, 1]
  %e = tensor.empty() : tensor<1x1x3x3x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1x3x3x4xf32>) -> tensor<1x1x3x3x4xf32>
  %w = tensor.empty() : tensor<1x2x2xf32>
  %y = linalg.pooling_ndhwc_sum {dilations = dense<1> : tensor<3xi64>, strides = dense<[1, 2, 2]> : tensor<3xi64>}
      ins(%t, %w : tensor<1x1x8x7x4xf32>, tensor<1x2x2xf32>) outs(%i : tensor<1x1x3x3x4xf32>) -> tensor<1x1x3x3x4xf32>
  return %y : tensor<1x1x3x3x4xf32>
}
