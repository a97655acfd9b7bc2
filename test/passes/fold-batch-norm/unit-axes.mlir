// RUN: %opt %s --passes=fold-batch-norm | filecheck %s

// Where the output has one plane and one row, torch-mlir reads a vector per channel through (d1, d2, d3, 0).
// CHECK-DAG: %[[W:.+]] = arith.constant dense<{{\[\[\[\[\[}}8.000000e+00]]]], {{\[\[\[\[}}-1.500000e+00]]]]]> : tensor<2x1x1x1x1xf32>
// CHECK-DAG: %[[B:.+]] = arith.constant dense<[3.600000e+01, 9.000000e+00]> : tensor<2xf32>
// CHECK: %[[I:.+]] = linalg.broadcast ins(%[[B]]
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw {{.*}}strides = {{.*}}1, 1, 2{{.*}} ins(%arg0, %[[W]] {{.*}} outs(%[[I]]
// CHECK-NOT: linalg.generic
// CHECK: return %[[C]]

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
  %mean = arith.constant dense<[[[[1.0]]], [[[2.0]]]]> : tensor<2x1x1x1xf32>
  %scale = arith.constant dense<[[[[4.0]]], [[[0.5]]]]> : tensor<2x1x1x1xf32>
  %m = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1, d2, d3, d4) -> (d1, d2, d3, 0)>, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %mean : tensor<1x2x1x1x3xf32>, tensor<2x1x1x1xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.subf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x3xf32>
  %y = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1, d2, d3, d4) -> (d1, d2, d3, 0)>, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%m, %scale : tensor<1x2x1x1x3xf32>, tensor<2x1x1x1xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.mulf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
