// RUN: %opt %s --passes=pack-kgs{group=4x4},block-layout,narrow-f16 2>&1 | filecheck %s

// A weight that f16 cannot hold: the layer stays f32, and is named; its input and its consumer are f16.
// CHECK: remark: narrow-f16: conv_1: a weight of 70000 is beyond f16's range of 65504; the layer stays f32
// CHECK-DAG: dense<7.000000e+04> : tensor<1x4x4xf32>
// CHECK-DAG: dense<3.000000e+00> : tensor<1x4x4xf16>
// CHECK: %[[B:.+]] = linalg.pack {{.*}} -> tensor<1x1x1x1x3x4xf16>
// CHECK: %[[X:.+]] = arith.extf %[[B]] : {{.*}} to tensor<1x1x1x1x3x4xf32>
// CHECK: %[[C:.+]] = linalg.generic {{.*}}packed_conv
// CHECK: tensor.extract %[[X]]
// CHECK: %[[H:.+]] = arith.truncf %[[C]] : {{.*}} to tensor<1x1x1x1x3x4xf16>
// CHECK: linalg.generic {{.*}}packed_conv
// CHECK: tensor.extract %[[H]]

func.func @main(%x: tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32> {
  %w = arith.constant dense<7.0e4> : tensor<4x4x1x1x1xf32>
  %v = arith.constant dense<3.0> : tensor<4x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x1x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x3xf32>, tensor<4x4x1x1x1xf32>)
      outs(%i : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %d = linalg.conv_3d_ncdhw_fcdhw ins(%c, %v : tensor<1x4x1x1x3xf32>, tensor<4x4x1x1x1xf32>)
      outs(%i : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  return %d : tensor<1x4x1x1x3xf32>
}
