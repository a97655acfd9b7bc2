// RUN: %opt %s --passes=fuse-epilogue 2>&1 | filecheck %s

// CHECK-DAG: remark: fuse-epilogue: conv: its initial value is not a constant per channel
// CHECK-DAG: remark: fuse-epilogue: conv: it has a tensor of a dynamic shape, tensor<?x1x1x1x3xf32>
// CHECK-DAG: remark: fuse-epilogue: conv: it has a tensor of type tensor<1x1x1x1x3xbf16>; f32 is what can be packed
// CHECK-NOT: linalg.generic

func.func @runtime(%x: tensor<1x1x1x1x3xf32>, %i: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<2x1x1x1x1xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x1x1x1x3xf32>, tensor<2x1x1x1x1xf32>)
      outs(%i : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
func.func @by_position(%x: tensor<1x1x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<2x1x1x1x1xf32>
  %i = arith.constant dense<[[[[[1.0, 2.0, 3.0]]], [[[4.0, 5.0, 6.0]]]]]> : tensor<1x2x1x1x3xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x1x1x1x3xf32>, tensor<2x1x1x1x1xf32>)
      outs(%i : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
func.func @dynamic(%x: tensor<?x1x1x1x3xf32>, %i: tensor<?x2x1x1x3xf32>) -> tensor<?x2x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<2x1x1x1x1xf32>
  %b = arith.constant dense<2.0> : tensor<2xf32>
  %j = linalg.broadcast ins(%b : tensor<2xf32>) outs(%i : tensor<?x2x1x1x3xf32>) dimensions = [0, 2, 3, 4]
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<?x1x1x1x3xf32>, tensor<2x1x1x1x1xf32>)
      outs(%j : tensor<?x2x1x1x3xf32>) -> tensor<?x2x1x1x3xf32>
  return %y : tensor<?x2x1x1x3xf32>
}
func.func @bf16(%x: tensor<1x1x1x1x3xbf16>, %i: tensor<1x2x1x1x3xbf16>) -> tensor<1x2x1x1x3xbf16> {
  %w = arith.constant dense<2.0> : tensor<2x1x1x1x1xbf16>
  %b = arith.constant dense<2.0> : tensor<2xbf16>
  %j = linalg.broadcast ins(%b : tensor<2xbf16>) outs(%i : tensor<1x2x1x1x3xbf16>) dimensions = [0, 2, 3, 4]
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x1x1x1x3xbf16>, tensor<2x1x1x1x1xbf16>)
      outs(%j : tensor<1x2x1x1x3xbf16>) -> tensor<1x2x1x1x3xbf16>
  return %y : tensor<1x2x1x1x3xbf16>
}
