// RUN: %opt %s --passes=fuse-epilogue | filecheck %s

// The conv starts from zero and keeps its strides; bias and ReLU stand in one marked generic behind it.
// CHECK-DAG: %[[B:.+]] = arith.constant dense<[1.000000e+01, 2.000000e+01]> : tensor<2xf32>
// CHECK: %[[Z:.+]] = linalg.fill ins(%{{.+}} : f32)
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw {{.*}}1, 1, 2{{.*}} outs(%[[Z]]
// CHECK: %[[R:.+]] = linalg.generic {{.*}} ins(%[[C]], %[[B]] : tensor<1x2x1x1x3xf32>, tensor<2xf32>)
// CHECK-NEXT: ^bb0(%[[X:.+]]: f32, %[[V:.+]]: f32, %{{.+}}: f32):
// CHECK-NEXT: %[[S:.+]] = arith.addf %[[X]], %[[V]]
// CHECK: %[[M:.+]] = arith.maximumf %[[S]], %{{.+}}
// CHECK-NEXT: linalg.yield %[[M]]
// CHECK: return %[[R]]
// CHECK-NOT: linalg.broadcast

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#channel = affine_map<(d0, d1, d2, d3, d4) -> (0, d1, 0, 0, 0)>
func.func @main(%x: tensor<1x1x1x1x5xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %bias = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x1x1x3xf32>
  %b = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x2x1x1x3xf32>) dimensions = [0, 2, 3, 4]
  %c = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 2]> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x1x1x1x5xf32>, tensor<2x1x1x1x1xf32>)
      outs(%b : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  %y = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<1x2x1x1x3xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %0 = arith.cmpf ugt, %a0, %zero : f32
    %1 = arith.select %0, %a0, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
