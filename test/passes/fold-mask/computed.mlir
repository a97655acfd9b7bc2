// RUN: %opt %s --passes=fold-mask | filecheck %s

// A weight that is divided by the norm of each filter, as weight_norm has it, in filters (3, 4) and (0, 2); a weight
// that is a product of matrices; and one that is padded and added. Reductions, products and pads of constants are
// evaluated.
// CHECK-DAG: arith.constant dense<{{\[\[\[\[\[}}6.000000e-01]]], {{\[\[\[}}8.000000e-01]]]], {{\[\[\[\[}}0.000000e+00]]], {{\[\[\[}}1.000000e+00]]]]]> : tensor<2x2x1x1x1xf32>
// CHECK-DAG: arith.constant dense<{{\[\[\[\[\[}}3.000000e+00]]], {{\[\[\[}}6.000000e+00]]]], {{\[\[\[\[}}4.000000e+00]]], {{\[\[\[}}8.000000e+00]]]]]> : tensor<2x2x1x1x1xf32>
// CHECK-DAG: arith.constant dense<{{\[\[\[\[\[}}0.000000e+00, 3.000000e+00, 0.000000e+00]]], {{\[\[\[}}0.000000e+00, 4.000000e+00, 0.000000e+00]]]], {{\[\[\[\[}}0.000000e+00, 0.000000e+00, 0.000000e+00]]], {{\[\[\[}}0.000000e+00, 2.000000e+00, 0.000000e+00]]]]]> : tensor<2x2x1x1x3xf32>
// CHECK-NOT: linalg.generic
// CHECK-NOT: linalg.matmul
// CHECK-NOT: tensor.pad
// CHECK-COUNT-3: linalg.conv_3d_ncdhw_fcdhw

func.func @main(%x: tensor<1x2x1x1x3xf32>, %i1: tensor<1x2x1x1x3xf32>, %i3: tensor<1x2x1x1x1xf32>)
    -> (tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[[3.0]]], [[[4.0]]]], [[[[0.0]]], [[[2.0]]]]]> : tensor<2x2x1x1x1xf32>
  %n = tensor.empty() : tensor<2x1x1x1x1xf32>
  %z = linalg.fill ins(%zero : f32) outs(%n : tensor<2x1x1x1x1xf32>) -> tensor<2x1x1x1x1xf32>
  %squares = linalg.generic {
      indexing_maps = [affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>, affine_map<(a, b, c, d, e) -> (a, 0, 0, 0, 0)>],
      iterator_types = ["parallel", "reduction", "reduction", "reduction", "reduction"]}
      ins(%w : tensor<2x2x1x1x1xf32>) outs(%z : tensor<2x1x1x1x1xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.mulf %a, %a : f32
    %t = arith.addf %s, %acc : f32
    linalg.yield %t : f32
  } -> tensor<2x1x1x1x1xf32>
  %e = tensor.empty() : tensor<2x2x1x1x1xf32>
  %normed = linalg.generic {
      indexing_maps = [affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>, affine_map<(a, b, c, d, e) -> (a, 0, 0, 0, 0)>,
                       affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%w, %squares : tensor<2x2x1x1x1xf32>, tensor<2x1x1x1x1xf32>) outs(%e : tensor<2x2x1x1x1xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = math.sqrt %b : f32
    %q = arith.divf %a, %r : f32
    linalg.yield %q : f32
  } -> tensor<2x2x1x1x1xf32>
  %u = arith.constant dense<[[3.0], [4.0]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %m = tensor.empty() : tensor<2x2xf32>
  %mz = linalg.fill ins(%zero : f32) outs(%m : tensor<2x2xf32>) -> tensor<2x2xf32>
  %product = linalg.matmul ins(%u, %v : tensor<2x1xf32>, tensor<1x2xf32>) outs(%mz : tensor<2x2xf32>) -> tensor<2x2xf32>
  %weight = tensor.expand_shape %product [[0], [1, 2, 3, 4]] output_shape [2, 2, 1, 1, 1]
      : tensor<2x2xf32> into tensor<2x2x1x1x1xf32>
  %wide = tensor.pad %w low[0, 0, 0, 0, 1] high[0, 0, 0, 0, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index, %f: index):
    tensor.yield %zero : f32
  } : tensor<2x2x1x1x1xf32> to tensor<2x2x1x1x3xf32>
  %y1 = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %normed : tensor<1x2x1x1x3xf32>, tensor<2x2x1x1x1xf32>)
      outs(%i1 : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  %y2 = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %weight : tensor<1x2x1x1x3xf32>, tensor<2x2x1x1x1xf32>)
      outs(%i1 : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  %y3 = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %wide : tensor<1x2x1x1x3xf32>, tensor<2x2x1x1x3xf32>)
      outs(%i3 : tensor<1x2x1x1x1xf32>) -> tensor<1x2x1x1x1xf32>
  return %y1, %y2, %y3 : tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x3xf32>, tensor<1x2x1x1x1xf32>
}
