// RUN: %opt %s --passes=trim-windows | filecheck %s

// One position along d, three along w: 2 of 3 planes are read, and the 7th column stays.
// CHECK-LABEL: func.func @max
// CHECK: %[[X:.+]] = tensor.extract_slice %arg0[0, 0, 0, 0, 0] [1, 2, 2, 4, 7] [1, 1, 1, 1, 1]
// CHECK: linalg.generic {{.*}} ins(%[[X]], %{{.+}} : tensor<1x2x2x4x7xf32>, tensor<2x2x2xf32>)
#in = affine_map<(n, c, d, h, w, i, j, k) -> (n, c, d * 2 + i, h + j, w * 2 + k)>
#by = affine_map<(n, c, d, h, w, i, j, k) -> (i, j, k)>
#to = affine_map<(n, c, d, h, w, i, j, k) -> (n, c, d, h, w)>
func.func @max(%x: tensor<1x2x3x4x7xf32>, %i: tensor<1x2x1x3x3xf32>) -> tensor<1x2x1x3x3xf32> {
  %k = tensor.empty() : tensor<2x2x2xf32>
  %y = linalg.generic {indexing_maps = [#in, #by, #to], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %k : tensor<1x2x3x4x7xf32>, tensor<2x2x2xf32>) outs(%i : tensor<1x2x1x3x3xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %t = arith.maximumf %p, %s : f32
    linalg.yield %t : f32
  } -> tensor<1x2x1x3x3xf32>
  return %y : tensor<1x2x1x3x3xf32>
}

// A conv whose weights are known at run time only: on both axes, whatever the stride.
// CHECK-LABEL: func.func @conv
// CHECK: %[[X:.+]] = tensor.extract_slice %arg0[0, 0, 0, 0] [2, 4, 3, 2] [1, 1, 1, 1]
// CHECK: linalg.conv_2d_nchw_fchw {{.*}} ins(%[[X]], %arg1 : tensor<2x4x3x2xf32>, tensor<8x4x3x2xf32>)
func.func @conv(%x: tensor<2x4x5x4xf32>, %w: tensor<8x4x3x2xf32>, %i: tensor<2x8x1x1xf32>) -> tensor<2x8x1x1xf32> {
  %y = linalg.conv_2d_nchw_fchw {strides = dense<[3, 4]> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<2x4x5x4xf32>, tensor<8x4x3x2xf32>) outs(%i : tensor<2x8x1x1xf32>) -> tensor<2x8x1x1xf32>
  return %y : tensor<2x8x1x1xf32>
}

// torch-mlir pads for `ceil_mode` by a whole stride: a window of one element then has more inputs than outputs.
// CHECK-LABEL: func.func @ceil
// CHECK: %[[X:.+]] = tensor.extract_slice %arg0[0, 0, 0, 0, 0] [1, 4, 4, 5, 2] [1, 1, 1, 1, 1]
// CHECK: linalg.pooling_ndhwc_sum {{.*}} ins(%[[X]], %{{.+}} : tensor<1x4x4x5x2xf32>, tensor<1x1x2xf32>)
func.func @ceil(%x: tensor<1x5x5x5x2xf32>, %i: tensor<1x4x4x4x2xf32>) -> tensor<1x4x4x4x2xf32> {
  %k = tensor.empty() : tensor<1x1x2xf32>
  %y = linalg.pooling_ndhwc_sum {dilations = dense<1> : tensor<3xi64>, strides = dense<1> : tensor<3xi64>}
      ins(%x, %k : tensor<1x5x5x5x2xf32>, tensor<1x1x2xf32>) outs(%i : tensor<1x4x4x4x2xf32>) -> tensor<1x4x4x4x2xf32>
  return %y : tensor<1x4x4x4x2xf32>
}
