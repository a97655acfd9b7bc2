// RUN: %opt %s --passes=sort-filters{target=cortex-a76} | filecheck %s

// Every other filter is left, so that no row can go: sorted, they are the first row, their biases and the channels of the
// next conv with them.
// CHECK-DAG: dense<[1.500000e+00, 3.500000e+00, 5.500000e+00, 7.500000e+00, 9.500000e+00, 1.150000e+01, 1.350000e+01, 1.550000e+01, 5.000000e-01, 2.500000e+00, 4.500000e+00, 6.500000e+00, 8.500000e+00, 1.050000e+01, 1.250000e+01, 1.450000e+01]>
// CHECK-DAG: dense<{{\[\[\[\[\[}}1.000000e+00]]], {{\[\[\[}}3.000000e+00]]], {{\[\[\[}}5.000000e+00]]], {{\[\[\[}}7.000000e+00]]], {{\[\[\[}}9.000000e+00]]], {{\[\[\[}}1.100000e+01]]], {{\[\[\[}}1.300000e+01]]], {{\[\[\[}}1.500000e+01]]], {{\[\[\[}}0.000000e+00]]]
// CHECK-DAG: dense<{{\[\[\[\[\[}}1.000000e+00]]], {{\[\[\[}}1.000000e+00]]], {{\[\[\[}}1.000000e+00]]], {{\[\[\[}}1.000000e+00]]]], {{\[\[\[\[}}2.000000e+00]]]

func.func @main(%x: tensor<1x4x1x8x32xf32>) -> tensor<1x1x1x8x32xf32> {
  %line = arith.constant dense<[0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0, 5.0, 0.0, 6.0, 0.0, 7.0, 0.0, 8.0]> : tensor<16xf32>
  %bias = arith.constant dense<[0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5, 12.5, 13.5, 14.5, 15.5]> : tensor<16xf32>
  %we = tensor.empty() : tensor<16x4x1x1x1xf32>
  %w = linalg.broadcast ins(%line : tensor<16xf32>) outs(%we : tensor<16x4x1x1x1xf32>) dimensions = [1, 2, 3, 4]
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x16x1x8x32xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16x1x8x32xf32>) -> tensor<1x16x1x8x32xf32>
  %a = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x4x1x8x32xf32>, tensor<16x4x1x1x1xf32>)
      outs(%i : tensor<1x16x1x8x32xf32>) -> tensor<1x16x1x8x32xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>, affine_map<(d0, d1, d2, d3, d4) -> (d1)>,
                       affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%a, %bias : tensor<1x16x1x8x32xf32>, tensor<16xf32>) outs(%e : tensor<1x16x1x8x32xf32>) {
  ^bb0(%v: f32, %b: f32, %o: f32):
    %s = arith.addf %v, %b : f32
    linalg.yield %s : f32
  } -> tensor<1x16x1x8x32xf32>
  %w2 = arith.constant dense<[[[[[0.0]]], [[[1.0]]], [[[2.0]]], [[[3.0]]], [[[4.0]]], [[[5.0]]], [[[6.0]]], [[[7.0]]],
      [[[8.0]]], [[[9.0]]], [[[10.0]]], [[[11.0]]], [[[12.0]]], [[[13.0]]], [[[14.0]]], [[[15.0]]]]]> : tensor<1x16x1x1x1xf32>
  %e2 = tensor.empty() : tensor<1x1x1x8x32xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x1x1x8x32xf32>) -> tensor<1x1x1x8x32xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%r, %w2 : tensor<1x16x1x8x32xf32>, tensor<1x16x1x1x1xf32>)
      outs(%i2 : tensor<1x1x1x8x32xf32>) -> tensor<1x1x1x8x32xf32>
  return %y : tensor<1x1x1x8x32xf32>
}
