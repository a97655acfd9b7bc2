// RUN: %opt %s --passes=fold-batch-norm 2>&1 | filecheck %s

// A sum of two convs, a product per position and constant / conv are no batch norm. Nothing is said of them.
// CHECK-NOT: remark
// CHECK-COUNT-2: linalg.conv_3d
// CHECK: arith.addf
// CHECK: arith.mulf
// CHECK: linalg.conv_3d
// CHECK: arith.divf
// CHECK: linalg.conv_3d
// CHECK: arith.mulf

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#channel = affine_map<(d0, d1, d2, d3, d4) -> (0, d1, 0, 0, 0)>
func.func @main(%x: tensor<1x1x1x1x5xf32>) -> (tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>) {
  %w = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %bias = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x1x1x3xf32>
  %b = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x2x1x1x3xf32>) dimensions = [0, 2, 3, 4]
  %c = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 2]> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x1x1x1x5xf32>, tensor<2x1x1x1x1xf32>)
      outs(%b : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  %w2 = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %bias2 = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %zero2 = arith.constant 0.0 : f32
  %e2 = tensor.empty() : tensor<1x2x1x1x3xf32>
  %b2 = linalg.broadcast ins(%bias2 : tensor<2xf32>) outs(%e2 : tensor<1x2x1x1x3xf32>) dimensions = [0, 2, 3, 4]
  %c2 = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 2]> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w2 : tensor<1x1x1x1x5xf32>, tensor<2x1x1x1x1xf32>)
      outs(%b2 : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  %p = arith.constant dense<[[[[[1.0, 2.0, 3.0]]], [[[4.0, 5.0, 6.0]]]]]> : tensor<1x2x1x1x3xf32>
  %scale = arith.constant dense<[[[[4.0]]], [[[0.5]]]]> : tensor<2x1x1x1xf32>
  %s = linalg.generic {indexing_maps = [#id, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %c2 : tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.addf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x3xf32>
  %t = linalg.generic {indexing_maps = [#id, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %p : tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.mulf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x3xf32>
  %w3 = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %bias3 = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %zero3 = arith.constant 0.0 : f32
  %e3 = tensor.empty() : tensor<1x2x1x1x3xf32>
  %b3 = linalg.broadcast ins(%bias3 : tensor<2xf32>) outs(%e3 : tensor<1x2x1x1x3xf32>) dimensions = [0, 2, 3, 4]
  %c3 = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 2]> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w3 : tensor<1x1x1x1x5xf32>, tensor<2x1x1x1x1xf32>)
      outs(%b3 : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  %u = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1, d2, d3, d4) -> (d1, 0, 0, 0)>, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c3, %scale : tensor<1x2x1x1x3xf32>, tensor<2x1x1x1xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.divf %a1, %a0 : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x3xf32>
  %w4 = arith.constant dense<[[[[[2.0]]]], [[[[-3.0]]]]]> : tensor<2x1x1x1x1xf32>
  %bias4 = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %zero4 = arith.constant 0.0 : f32
  %e4 = tensor.empty() : tensor<1x2x1x1x3xf32>
  %b4 = linalg.broadcast ins(%bias4 : tensor<2xf32>) outs(%e4 : tensor<1x2x1x1x3xf32>) dimensions = [0, 2, 3, 4]
  %c4 = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 2]> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w4 : tensor<1x1x1x1x5xf32>, tensor<2x1x1x1x1xf32>)
      outs(%b4 : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  %v = linalg.generic {indexing_maps = [#id, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c4, %p : tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>) outs(%e : tensor<1x2x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.mulf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x3xf32>
  return %t, %u, %v : tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>
}
