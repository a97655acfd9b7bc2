// RUN: %opt %s --passes=interleave-last | filecheck %s

// A residual sum, a constant by position, and a value that is returned too: all stay behind the interleave. So does what
// reads nothing but a constant.
// CHECK-LABEL: @residual
// CHECK: tensor.collapse_shape
// CHECK: arith.addf
// CHECK-LABEL: @by_position
// CHECK: tensor.collapse_shape
// CHECK: arith.addf
// CHECK-LABEL: @returned
// CHECK: tensor.collapse_shape
// CHECK: arith.negf
// CHECK-LABEL: @constant
// CHECK: arith.negf

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#w = affine_map<(d0, d1, d2, d3, d4) -> (d4)>
func.func @residual(%x: tensor<1x4x1x1x3xf32>, %y: tensor<1x2x1x1x6xf32>) -> tensor<1x2x1x1x6xf32> {
  %e = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 2, 1, 1, 3] : tensor<1x4x1x1x3xf32> into tensor<1x2x2x1x1x3xf32>
  %te = tensor.empty() : tensor<1x2x1x1x3x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x1x1x3xf32>) outs(%te : tensor<1x2x1x1x3x2xf32>) permutation = [0, 1, 3, 4, 5, 2]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3], [4, 5]] : tensor<1x2x1x1x3x2xf32> into tensor<1x2x1x1x6xf32>
  %o = tensor.empty() : tensor<1x2x1x1x6xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %y : tensor<1x2x1x1x6xf32>, tensor<1x2x1x1x6xf32>) outs(%o : tensor<1x2x1x1x6xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x6xf32>
  return %r : tensor<1x2x1x1x6xf32>
}

func.func @by_position(%x: tensor<1x4x1x1x3xf32>) -> tensor<1x2x1x1x6xf32> {
  %k = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %e = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 2, 1, 1, 3] : tensor<1x4x1x1x3xf32> into tensor<1x2x2x1x1x3xf32>
  %te = tensor.empty() : tensor<1x2x1x1x3x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x1x1x3xf32>) outs(%te : tensor<1x2x1x1x3x2xf32>) permutation = [0, 1, 3, 4, 5, 2]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3], [4, 5]] : tensor<1x2x1x1x3x2xf32> into tensor<1x2x1x1x6xf32>
  %o = tensor.empty() : tensor<1x2x1x1x6xf32>
  %r = linalg.generic {indexing_maps = [#id, #w, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %k : tensor<1x2x1x1x6xf32>, tensor<6xf32>) outs(%o : tensor<1x2x1x1x6xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x6xf32>
  return %r : tensor<1x2x1x1x6xf32>
}

func.func @returned(%x: tensor<1x4x1x1x3xf32>) -> (tensor<1x2x1x1x6xf32>, tensor<1x2x1x1x6xf32>) {
  %e = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 2, 1, 1, 3] : tensor<1x4x1x1x3xf32> into tensor<1x2x2x1x1x3xf32>
  %te = tensor.empty() : tensor<1x2x1x1x3x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x1x1x3xf32>) outs(%te : tensor<1x2x1x1x3x2xf32>) permutation = [0, 1, 3, 4, 5, 2]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3], [4, 5]] : tensor<1x2x1x1x3x2xf32> into tensor<1x2x1x1x6xf32>
  %o = tensor.empty() : tensor<1x2x1x1x6xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<1x2x1x1x6xf32>) outs(%o : tensor<1x2x1x1x6xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x6xf32>
  return %c, %r : tensor<1x2x1x1x6xf32>, tensor<1x2x1x1x6xf32>
}

func.func @constant() -> tensor<6xf32> {
  %k = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %o = tensor.empty() : tensor<6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%k : tensor<6xf32>) outs(%o : tensor<6xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<6xf32>
  return %r : tensor<6xf32>
}
