// RUN: %opt %s --passes=pack-kgs 2>&1 | filecheck %s

// CHECK-DAG: remark: pack-kgs: conv: its weights are not constant
// CHECK-DAG: remark: pack-kgs: conv_0: it does not start from zero (run fuse-epilogue first)
// CHECK-DAG: remark: pack-kgs: conv: it has a tensor of a dynamic shape, tensor<?x1x1x1x3xf32>
// CHECK-DAG: remark: pack-kgs: conv: it has a tensor of type tensor<1x1x1x1x3xf16>; f32 is what can be packed
// CHECK-COUNT-4: linalg.conv_3d_ncdhw_fcdhw
// CHECK-NOT: packed_conv

func.func @weights(%x: tensor<1x1x1x1x3xf32>, %w: tensor<2x1x1x1x1xf32>, %e: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x1x1x1x3xf32>, tensor<2x1x1x1x1xf32>)
      outs(%i : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
func.func @starts(%x: tensor<1x1x1x1x3xf32>, %i: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<2x1x1x1x1xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x1x1x1x3xf32>, tensor<2x1x1x1x1xf32>)
      outs(%i : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
func.func @dynamic(%x: tensor<?x1x1x1x3xf32>, %i: tensor<?x2x1x1x3xf32>) -> tensor<?x2x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<2x1x1x1x1xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<?x1x1x1x3xf32>, tensor<2x1x1x1x1xf32>)
      outs(%i : tensor<?x2x1x1x3xf32>) -> tensor<?x2x1x1x3xf32>
  return %y : tensor<?x2x1x1x3xf32>
}
func.func @f16(%x: tensor<1x1x1x1x3xf16>, %i: tensor<1x2x1x1x3xf16>) -> tensor<1x2x1x1x3xf16> {
  %w = arith.constant dense<2.0> : tensor<2x1x1x1x1xf16>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x1x1x1x3xf16>, tensor<2x1x1x1x1xf16>)
      outs(%i : tensor<1x2x1x1x3xf16>) -> tensor<1x2x1x1x3xf16>
  return %y : tensor<1x2x1x1x3xf16>
}
