// RUN: %opt %s --passes=pack-kgs{group=8x4},block-layout,schedule-cpu{target=cortex-a76} | filecheck %s

// Weights that fit a cache: 3 rows of filters run fastest, then chunks of 4 of the 6 rows, then the batch of 2.
// CHECK: hal.executable.export public @conv_0
// CHECK-DAG: %[[X:.+]] = arith.constant 3 : index
// CHECK-DAG: %[[Y:.+]] = arith.constant 2 : index
// CHECK: hal.return %[[X]], %[[Y]], %[[Y]] :

func.func @main(%x: tensor<2x4x6x1x8xf32>) -> tensor<2x24x6x1x8xf32> {
  %w = arith.constant dense<2.0> : tensor<24x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x24x6x1x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x24x6x1x8xf32>) -> tensor<2x24x6x1x8xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 1]> : vector<3xi64>, dilations = dense<[1, 1, 1]> : vector<3xi64>}
      ins(%x, %w : tensor<2x4x6x1x8xf32>, tensor<24x4x1x1x1xf32>)
      outs(%i : tensor<2x24x6x1x8xf32>) -> tensor<2x24x6x1x8xf32>
  return %y : tensor<2x24x6x1x8xf32>
}
