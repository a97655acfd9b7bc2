// RUN: %opt %s --passes=fuse-epilogue,pack-kgs{group=8x4},block-layout,schedule-cpu{target=cortex-a76} | filecheck %s

// Two phases of 4 filters along the width are one row of 8. Each goes to every second column of the row that is written,
// in vectors of 4 channels, and the last column, which is cut off, is not written.
// CHECK-LABEL: hal.executable.source private @conv_0
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: vector.store {{.*}} memref<60xf32>, vector<4xf32>
// CHECK-LABEL: func.func @main
// CHECK: flow.dispatch @conv_0::@conv_0({{.*}} -> tensor<1x1x1x1x15x4xf32>
// CHECK-NOT: interleave

func.func @main(%x: tensor<1x4x1x1x8xf32>) -> tensor<1x4x1x1x15xf32> {
  %w = arith.constant dense<2.0> : tensor<8x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x1x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x1x8xf32>) -> tensor<1x8x1x1x8xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x4x1x1x8xf32>, tensor<8x4x1x1x1xf32>)
      outs(%i : tensor<1x8x1x1x8xf32>) -> tensor<1x8x1x1x8xf32>
  %s = tensor.expand_shape %y [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 4, 1, 1, 8] : tensor<1x8x1x1x8xf32> into tensor<1x2x4x1x1x8xf32>
  %te = tensor.empty() : tensor<1x4x1x1x8x2xf32>
  %t = linalg.transpose ins(%s : tensor<1x2x4x1x1x8xf32>) outs(%te : tensor<1x4x1x1x8x2xf32>) permutation = [0, 2, 3, 4, 5, 1]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3], [4, 5]] : tensor<1x4x1x1x8x2xf32> into tensor<1x4x1x1x16xf32>
  %k = tensor.extract_slice %c[0, 0, 0, 0, 0] [1, 4, 1, 1, 15] [1, 1, 1, 1, 1] : tensor<1x4x1x1x16xf32> to tensor<1x4x1x1x15xf32>
  return %k : tensor<1x4x1x1x15xf32>
}
