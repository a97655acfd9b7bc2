// RUN: %opt %s --passes=linear-to-conv 2>&1 | filecheck %s

// CHECK-DAG: remark: linear-to-conv: matmul: its weights are not constant
// CHECK-DAG: remark: linear-to-conv: matmul: it adds to a value that is not zero
// CHECK-DAG: remark: linear-to-conv: matmul: it has a tensor of a dynamic shape, tensor<?x4xf32>
// CHECK-DAG: remark: linear-to-conv: matmul: it has a tensor of type tensor<2x4xf64>; f32 is what can be packed
// CHECK-DAG: remark: linear-to-conv: matmul: its indexing maps transpose or broadcast an operand
// CHECK-LABEL: @weights
// CHECK: linalg.matmul
// CHECK-LABEL: @accumulates
// CHECK: linalg.matmul
// CHECK-LABEL: @dynamic
// CHECK: linalg.matmul
// CHECK-LABEL: @f64
// CHECK: linalg.matmul
// CHECK-LABEL: @transposed
// CHECK: linalg.matmul
// CHECK-NOT: linalg.conv_3d

func.func @weights(%x: tensor<2x4xf32>, %w: tensor<4x3xf32>, %e: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x3xf32>) outs(%i : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
func.func @accumulates(%x: tensor<2x4xf32>, %e: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %w = arith.constant dense<2.0> : tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
func.func @dynamic(%x: tensor<?x4xf32>, %e: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %w = arith.constant dense<2.0> : tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x3xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
func.func @f64(%x: tensor<2x4xf64>, %e: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %w = arith.constant dense<2.0> : tensor<4x3xf64>
  %y = linalg.matmul ins(%x, %w : tensor<2x4xf64>, tensor<4x3xf64>) outs(%e : tensor<2x3xf64>) -> tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}
func.func @transposed(%x: tensor<2x4xf32>, %e: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<2.0> : tensor<4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
      affine_map<(m, n, k) -> (m, n)>] ins(%x, %w : tensor<2x4xf32>, tensor<4x4xf32>)
      outs(%i : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
