// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// A transposed conv of step (1, 2, 2): phases of 8 filters, one column too many, and a ReLU behind.
// CHECK-NOT: remark
// CHECK: %[[I:.+]] = linalg.generic {{.*}} outs({{.*}} : tensor<1x2x2x6x7x4xf32>) attrs = {interleave = {channels = array<i64: 8>, low = array<i64: 0, 0, 0>, phases = array<i64: 1, 2, 2, 8>}}
// CHECK: tensor.extract %arg0{{.*}} {operand = "x"} : tensor<1x8x2x3x4x4xf32>
// CHECK: linalg.generic {{.*}} ins(%[[I]] : tensor<1x2x2x6x7x4xf32>)
// CHECK: linalg.unpack
// CHECK-NOT: linalg.{{unpack|transpose}}

// A pixel shuffle by 2, whose channels lie side by side, and of which the first row and column are cut off.
// CHECK: func.func @pixels
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<1x1x1x5x7x4xf32>) attrs = {interleave = {channels = array<i64: 2>, low = array<i64: 0, 1, 1>, phases = array<i64: 1, 2, 2, 1>}}
// CHECK: arith.select
// CHECK: linalg.unpack {{.*}} -> tensor<1x2x1x5x7xf32>
// CHECK-NOT: linalg.{{unpack|transpose}}

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x8x2x3x4x4xf32>) -> tensor<1x8x2x6x7xf32> {
  %zero = arith.constant 0.0 : f32
  %ue = tensor.empty() : tensor<1x32x2x3x4xf32>
  %u = linalg.unpack %x inner_dims_pos = [1] inner_tiles = [4] into %ue : tensor<1x8x2x3x4x4xf32> -> tensor<1x32x2x3x4xf32>
  %e = tensor.expand_shape %u [[0], [1, 2, 3, 4], [5], [6], [7]] output_shape [1, 1, 2, 2, 8, 2, 3, 4] : tensor<1x32x2x3x4xf32> into tensor<1x1x2x2x8x2x3x4xf32>
  %te = tensor.empty() : tensor<1x1x8x2x3x2x4x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x1x2x2x8x2x3x4xf32>) outs(%te : tensor<1x1x8x2x3x2x4x2xf32>) permutation = [0, 1, 4, 5, 6, 2, 7, 3]
  %c = tensor.collapse_shape %t [[0], [1, 2], [3], [4, 5], [6, 7]] : tensor<1x1x8x2x3x2x4x2xf32> into tensor<1x8x2x6x8xf32>
  %s = tensor.extract_slice %c[0, 0, 0, 0, 0] [1, 8, 2, 6, 7] [1, 1, 1, 1, 1] : tensor<1x8x2x6x8xf32> to tensor<1x8x2x6x7xf32>
  %re = tensor.empty() : tensor<1x8x2x6x7xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%s : tensor<1x8x2x6x7xf32>) outs(%re : tensor<1x8x2x6x7xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x8x2x6x7xf32>
  return %r : tensor<1x8x2x6x7xf32>
}

func.func @pixels(%x: tensor<1x2x1x3x4x4xf32>) -> tensor<1x2x1x5x7xf32> {
  %ue = tensor.empty() : tensor<1x8x1x3x4xf32>
  %u = linalg.unpack %x inner_dims_pos = [1] inner_tiles = [4] into %ue : tensor<1x2x1x3x4x4xf32> -> tensor<1x8x1x3x4xf32>
  %e = tensor.expand_shape %u [[0], [1, 2, 3], [4], [5], [6]] output_shape [1, 2, 2, 2, 1, 3, 4] : tensor<1x8x1x3x4xf32> into tensor<1x2x2x2x1x3x4xf32>
  %te = tensor.empty() : tensor<1x2x1x3x2x4x2xf32>
  %t = linalg.transpose ins(%e : tensor<1x2x2x2x1x3x4xf32>) outs(%te : tensor<1x2x1x3x2x4x2xf32>) permutation = [0, 1, 4, 5, 2, 6, 3]
  %c = tensor.collapse_shape %t [[0], [1], [2], [3, 4], [5, 6]] : tensor<1x2x1x3x2x4x2xf32> into tensor<1x2x1x6x8xf32>
  %s = tensor.extract_slice %c[0, 0, 0, 1, 1] [1, 2, 1, 5, 7] [1, 1, 1, 1, 1] : tensor<1x2x1x6x8xf32> to tensor<1x2x1x5x7xf32>
  return %s : tensor<1x2x1x5x7xf32>
}
