// RUN: %opt %s --passes=lift-to-3d 2>&1 | filecheck %s

// CHECK-DAG: remark: lift-to-3d: conv: it has a tensor of a dynamic shape, tensor<?x2x4x4xf32>
// CHECK-DAG: remark: lift-to-3d: conv: it has a tensor of type tensor<1x2x4x4xf64>; f32 is what can be packed
// CHECK-DAG: remark: lift-to-3d: max pool: it has a tensor of type tensor<1x2x4x4xf64>; f32 is what can be packed
// CHECK-DAG: remark: lift-to-3d: average pool: it adds to a value that is not zero
// CHECK-LABEL: @dynamic
// CHECK: linalg.conv_2d_nchw_fchw
// CHECK-LABEL: @f64
// CHECK: linalg.conv_2d_nchw_fchw
// CHECK: linalg.pooling_nchw_max
// CHECK-LABEL: @accumulates
// CHECK: linalg.pooling_nchw_sum
// CHECK-NOT: linalg.conv_3d

func.func @dynamic(%x: tensor<?x2x4x4xf32>, %e: tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2x1x1xf32>
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<?x2x4x4xf32>, tensor<2x2x1x1xf32>) outs(%e : tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return %c : tensor<?x2x4x4xf32>
}
func.func @f64(%x: tensor<1x2x4x4xf64>, %e: tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64> {
  %w = arith.constant dense<1.0> : tensor<2x2x1x1xf64>
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x4x4xf64>, tensor<2x2x1x1xf64>) outs(%e : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  %k = tensor.empty() : tensor<1x1xf64>
  %p = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%c, %k : tensor<1x2x4x4xf64>, tensor<1x1xf64>) outs(%e : tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  return %p : tensor<1x2x4x4xf64>
}
func.func @accumulates(%x: tensor<1x2x4x4xf32>, %e: tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32> {
  %k = tensor.empty() : tensor<2x2xf32>
  %p = linalg.pooling_nchw_sum {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%x, %k : tensor<1x2x4x4xf32>, tensor<2x2xf32>) outs(%e : tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  return %p : tensor<1x2x2x2xf32>
}
