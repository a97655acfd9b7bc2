// RUN: %opt %s --passes=channels-first | filecheck %s

// A sum over the last axis, arithmetic with it and with a constant by channel, a linear layer on rows, and back: nothing
// is in channels-last order any more.
// CHECK-LABEL: @block
// CHECK-NOT: linalg.transpose
// CHECK: %[[S:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%arg0 : tensor<1x2x3x2xf32>) outs({{.*}} : tensor<1x1x3x2xf32>)
// CHECK: %[[Y:.+]] = linalg.generic {{.*}} ins(%arg0, %[[S]], {{.*}} : tensor<1x2x3x2xf32>, tensor<1x1x3x2xf32>, tensor<2xf32>)
// CHECK: linalg.conv_2d_nchw_fchw {{.*}} ins(%[[Y]], {{.*}} : tensor<1x2x3x2xf32>, tensor<4x2x1x1xf32>)
// CHECK-NOT: linalg.transpose
// CHECK: return

// What is padded, cut and joined; the transpose that is left is the last.
// CHECK-LABEL: @moved
// CHECK: tensor.pad %arg0 low[0, 0, 1, 0] high[0, 0, 0, 0]
// CHECK: tensor.extract_slice {{.*}}[0, 0, 0, 0] [1, 2, 2, 2] [1, 1, 2, 1]
// CHECK: tensor.concat dim(1)
// CHECK: linalg.transpose
// CHECK-NOT: linalg.transpose
// CHECK: return

// The flatten of a plane to tokens and back.
// CHECK-LABEL: @tokens
// CHECK: linalg.generic {{.*}} ins(%arg0 : tensor<1x2x3x2xf32>) outs({{.*}} : tensor<1x2x3x2xf32>)
// CHECK: tensor.collapse_shape {{.*}} {{\[\[}}0], [1], [2, 3]]
// CHECK: return

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#one = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#last = affine_map<(d0, d1, d2, d3) -> (d3)>
func.func @block(%x: tensor<1x2x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %k = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %te = tensor.empty() : tensor<1x3x2x2xf32>
  %t = linalg.transpose ins(%x : tensor<1x2x3x2xf32>) outs(%te : tensor<1x3x2x2xf32>) permutation = [0, 2, 3, 1]
  %se = tensor.empty() : tensor<1x3x2x1xf32>
  %si = linalg.fill ins(%zero : f32) outs(%se : tensor<1x3x2x1xf32>) -> tensor<1x3x2x1xf32>
  %s = linalg.generic {indexing_maps = [#id, #one], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%t : tensor<1x3x2x2xf32>) outs(%si : tensor<1x3x2x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x2x1xf32>
  %y = linalg.generic {indexing_maps = [#id, #one, #last, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t, %s, %k : tensor<1x3x2x2xf32>, tensor<1x3x2x1xf32>, tensor<2xf32>) outs(%te : tensor<1x3x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    %1 = arith.mulf %0, %c : f32
    linalg.yield %1 : f32
  } -> tensor<1x3x2x2xf32>
  %r = tensor.collapse_shape %y [[0, 1, 2], [3]] : tensor<1x3x2x2xf32> into tensor<6x2xf32>
  %me = tensor.empty() : tensor<6x4xf32>
  %mi = linalg.fill ins(%zero : f32) outs(%me : tensor<6x4xf32>) -> tensor<6x4xf32>
  %m = linalg.matmul ins(%r, %w : tensor<6x2xf32>, tensor<2x4xf32>) outs(%mi : tensor<6x4xf32>) -> tensor<6x4xf32>
  %e = tensor.expand_shape %m [[0, 1, 2], [3]] output_shape [1, 3, 2, 4] : tensor<6x4xf32> into tensor<1x3x2x4xf32>
  %be = tensor.empty() : tensor<1x4x3x2xf32>
  %b = linalg.transpose ins(%e : tensor<1x3x2x4xf32>) outs(%be : tensor<1x4x3x2xf32>) permutation = [0, 3, 1, 2]
  return %b : tensor<1x4x3x2xf32>
}

func.func @moved(%x: tensor<1x2x3x2xf32>) -> tensor<1x2x2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %te = tensor.empty() : tensor<1x3x2x2xf32>
  %t = linalg.transpose ins(%x : tensor<1x2x3x2xf32>) outs(%te : tensor<1x3x2x2xf32>) permutation = [0, 2, 3, 1]
  %p = tensor.pad %t low[0, 1, 0, 0] high[0, 0, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x3x2x2xf32> to tensor<1x4x2x2xf32>
  %s = tensor.extract_slice %p[0, 0, 0, 0] [1, 2, 2, 2] [1, 2, 1, 1] : tensor<1x4x2x2xf32> to tensor<1x2x2x2xf32>
  %c = tensor.concat dim(3) %s, %s : (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x4xf32>
  return %c : tensor<1x2x2x4xf32>
}

func.func @tokens(%x: tensor<1x2x3x2xf32>) -> tensor<1x2x6xf32> {
  %f = tensor.collapse_shape %x [[0], [1], [2, 3]] : tensor<1x2x3x2xf32> into tensor<1x2x6xf32>
  %te = tensor.empty() : tensor<1x6x2xf32>
  %t = linalg.transpose ins(%f : tensor<1x2x6xf32>) outs(%te : tensor<1x6x2xf32>) permutation = [0, 2, 1]
  %n = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t : tensor<1x6x2xf32>) outs(%te : tensor<1x6x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<1x6x2xf32>
  %be = tensor.empty() : tensor<1x2x6xf32>
  %b = linalg.transpose ins(%n : tensor<1x6x2xf32>) outs(%be : tensor<1x2x6xf32>) permutation = [0, 2, 1]
  return %b : tensor<1x2x6xf32>
}
