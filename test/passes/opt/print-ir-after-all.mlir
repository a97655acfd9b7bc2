// RUN: %opt %s --passes=fuse-epilogue,pack-kgs{group=4x4},block-layout --print-ir-after-all 2>&1 | filecheck %s

// CHECK: // -----// IR after fuse-epilogue //----- //
// CHECK: linalg.conv_3d_ncdhw_fcdhw
// CHECK: // -----// IR after pack-kgs //----- //
// CHECK-NOT: linalg.conv_3d_ncdhw_fcdhw
// CHECK: // -----// IR after block-layout //----- //
// CHECK: packed_conv
// CHECK: packed_conv

func.func @main(%x: tensor<1x4x1x1x8xf32>) -> tensor<1x4x1x1x8xf32> {
  %w = arith.constant dense<2.0> : tensor<4x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x1x1x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x1x1x8xf32>) -> tensor<1x4x1x1x8xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 1]> : vector<3xi64>, dilations = dense<[1, 1, 1]> : vector<3xi64>}
      ins(%x, %w : tensor<1x4x1x1x8xf32>, tensor<4x4x1x1x1xf32>)
      outs(%i : tensor<1x4x1x1x8xf32>) -> tensor<1x4x1x1x8xf32>
  return %y : tensor<1x4x1x1x8xf32>
}
