// RUN: %opt %s --passes=interleave-last | filecheck %s

// A scale per channel and a sum with one number, behind a cut: each phase gets the scale of its channel.
// CHECK: %[[S:.+]] = arith.constant dense<[1.000000e+00, 2.000000e+00, 1.000000e+00, 2.000000e+00]> : tensor<4xf32>
// CHECK: %[[M:.+]] = linalg.generic {{.*}} ins(%arg0, %[[S]] : tensor<1x4x1x1x3xf32>, tensor<4xf32>)
// CHECK: arith.mulf
// CHECK: %[[A:.+]] = linalg.generic {{.*}} ins(%[[M]] : tensor<1x4x1x1x3xf32>)
// CHECK: arith.addf %{{.*}}, %cst
// CHECK: tensor.expand_shape %[[A]]
// CHECK: tensor.collapse_shape
// CHECK: %[[E:.+]] = tensor.extract_slice {{.*}}[0, 0, 0, 0, 0] [1, 2, 1, 1, 5]
// CHECK: return %[[E]]

// x * sigmoid(x), which reads the interleave twice.
// CHECK-LABEL: @twice
// CHECK: math.exp
// CHECK: arith.mulf
// CHECK: %[[R:.+]] = tensor.collapse_shape
// CHECK: return %[[R]]

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#channel = affine_map<(d0, d1, d2, d3, d4) -> (d1, 0, 0, 0)>
#one = affine_map<(d0, d1, d2, d3, d4) -> (0)>
func.func @main(%x: tensor<1x4x1x1x3xf32>) -> tensor<1x2x1x1x5xf32> {
  %scale = arith.constant dense<[[[[1.0]]], [[[2.0]]]]> : tensor<2x1x1x1xf32>
  %three = arith.constant dense<3.0> : tensor<1xf32>
  %e = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 2, 1, 1, 3] : tensor<1x4x1x1x3xf32> into tensor<1x2x2x1x1x3xf32>
  %te = tensor.empty() : tensor<1x2x1x1x3x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x1x1x3xf32>) outs(%te : tensor<1x2x1x1x3x2xf32>) permutation = [0, 2, 3, 4, 5, 1]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3], [4, 5]] : tensor<1x2x1x1x3x2xf32> into tensor<1x2x1x1x6xf32>
  %s = tensor.extract_slice %c[0, 0, 0, 0, 0] [1, 2, 1, 1, 5] [1, 1, 1, 1, 1] : tensor<1x2x1x1x6xf32> to tensor<1x2x1x1x5xf32>
  %o = tensor.empty() : tensor<1x2x1x1x5xf32>
  %m = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %scale : tensor<1x2x1x1x5xf32>, tensor<2x1x1x1xf32>) outs(%o : tensor<1x2x1x1x5xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x5xf32>
  %r = linalg.generic {indexing_maps = [#id, #one, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%m, %three : tensor<1x2x1x1x5xf32>, tensor<1xf32>) outs(%o : tensor<1x2x1x1x5xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x5xf32>
  return %r : tensor<1x2x1x1x5xf32>
}

func.func @twice(%x: tensor<1x4x1x1x3xf32>) -> tensor<1x2x1x1x6xf32> {
  %e = tensor.expand_shape %x [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 2, 1, 1, 3] : tensor<1x4x1x1x3xf32> into tensor<1x2x2x1x1x3xf32>
  %te = tensor.empty() : tensor<1x2x1x1x3x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x1x1x3xf32>) outs(%te : tensor<1x2x1x1x3x2xf32>) permutation = [0, 1, 3, 4, 5, 2]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3], [4, 5]] : tensor<1x2x1x1x3x2xf32> into tensor<1x2x1x1x6xf32>
  %o = tensor.empty() : tensor<1x2x1x1x6xf32>
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<1x2x1x1x6xf32>) outs(%o : tensor<1x2x1x1x6xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x6xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %s : tensor<1x2x1x1x6xf32>, tensor<1x2x1x1x6xf32>) outs(%o : tensor<1x2x1x1x6xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1x6xf32>
  return %r : tensor<1x2x1x1x6xf32>
}
