// RUN: %opt %s --passes=lift-to-3d | filecheck %s

// A transposed conv of an image, one row cut off, and a ReLU: all of it in three dimensions.
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw
// CHECK: tensor.expand_shape %[[C]] {{.*}} output_shape [1, 1, 1, 2, 2, 3, 1, 3, 4]
// CHECK: linalg.transpose {{.*}} permutation = [0, 1, 5, 6, 2, 7, 3, 8, 4]
// CHECK: %[[Y:.+]] = tensor.collapse_shape {{.*}} into tensor<1x3x1x6x8xf32>
// CHECK: %[[S:.+]] = tensor.extract_slice %[[Y]][0, 0, 0, 0, 0] [1, 3, 1, 5, 8] [1, 1, 1, 1, 1]
// CHECK: linalg.generic {{.*}} ins(%[[S]] : tensor<1x3x1x5x8xf32>)
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x3x1x5x8xf32> into tensor<1x3x5x8xf32>

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @main(%x: tensor<1x2x3x4xf32>) -> tensor<1x3x5x8xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<12x2x1x1xf32>
  %ce = tensor.empty() : tensor<1x12x3x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%ce : tensor<1x12x3x4xf32>) -> tensor<1x12x3x4xf32>
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x3x4xf32>, tensor<12x2x1x1xf32>) outs(%i : tensor<1x12x3x4xf32>) -> tensor<1x12x3x4xf32>
  %e = tensor.expand_shape %y [[0], [1, 2, 3], [4], [5]] output_shape [1, 2, 2, 3, 3, 4] : tensor<1x12x3x4xf32> into tensor<1x2x2x3x3x4xf32>
  %te = tensor.empty() : tensor<1x3x3x2x4x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x3x3x4xf32>) outs(%te : tensor<1x3x3x2x4x2xf32>) permutation = [0, 3, 4, 1, 5, 2]
  %c = tensor.collapse_shape %t [[0], [1], [2, 3], [4, 5]] : tensor<1x3x3x2x4x2xf32> into tensor<1x3x6x8xf32>
  %s = tensor.extract_slice %c[0, 0, 0, 0] [1, 3, 5, 8] [1, 1, 1, 1] : tensor<1x3x6x8xf32> to tensor<1x3x5x8xf32>
  %o = tensor.empty() : tensor<1x3x5x8xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s : tensor<1x3x5x8xf32>) outs(%o : tensor<1x3x5x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x5x8xf32>
  return %r : tensor<1x3x5x8xf32>
}
