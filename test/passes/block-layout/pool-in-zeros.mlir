// RUN: %opt %s --passes=block-layout | filecheck %s

// A pad by zeros stays in the pool; behind a ReLU it counts nothing.
// CHECK-LABEL: func.func @main
// CHECK: max_pool = {ins = ["window"], kernel = array<i64: 1, 1, 2>, low = array<i64: 0, 0, 1>, strides = array<i64: 1, 1, 1>, zeros = true}
// CHECK-NOT: tensor.pad
// CHECK-LABEL: func.func @behind_relu
// CHECK: max_pool = {ins = ["window"], kernel = array<i64: 1, 1, 2>, low = array<i64: 0, 0, 1>, strides = array<i64: 1, 1, 1>, zeros = false}
// CHECK-NOT: tensor.pad

func.func @main(%xb: tensor<1x1x1x1x2x4xf32>) -> tensor<1x4x1x1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x4x1x1x2xf32>
  %x = linalg.unpack %xb inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x1x1x1x2x4xf32> -> tensor<1x4x1x1x2xf32>
  %p = tensor.pad %x low[0, 0, 0, 0, 1] high[0, 0, 0, 0, 1] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %zero : f32
  } : tensor<1x4x1x1x2xf32> to tensor<1x4x1x1x4xf32>
  %window = tensor.empty() : tensor<1x1x2xf32>
  %pe = tensor.empty() : tensor<1x4x1x1x3xf32>
  %pi = linalg.fill ins(%inf : f32) outs(%pe : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2 + d5, d3 + d6, d4 + d7)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d5, d6, d7)>, affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2, d3, d4)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %window : tensor<1x4x1x1x4xf32>, tensor<1x1x2xf32>) outs(%pi : tensor<1x4x1x1x3xf32>) {
  ^bb0(%in: f32, %win: f32, %out: f32):
    %y = arith.maximumf %in, %out : f32
    linalg.yield %y : f32
  } -> tensor<1x4x1x1x3xf32>
  return %m : tensor<1x4x1x1x3xf32>
}

func.func @behind_relu(%xb: tensor<1x1x1x1x2x4xf32>) -> tensor<1x4x1x1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x4x1x1x2xf32>
  %x = linalg.unpack %xb inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x1x1x1x2x4xf32> -> tensor<1x4x1x1x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, c, d, h, w) -> (n, c, d, h, w)>, affine_map<(n, c, d, h, w) -> (n, c, d, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x1x1x2xf32>) outs(%e : tensor<1x4x1x1x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %c = arith.cmpf ugt, %in, %zero : f32
    %y = arith.select %c, %in, %zero : f32
    linalg.yield %y : f32
  } -> tensor<1x4x1x1x2xf32>
  %p = tensor.pad %r low[0, 0, 0, 0, 1] high[0, 0, 0, 0, 1] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %zero : f32
  } : tensor<1x4x1x1x2xf32> to tensor<1x4x1x1x4xf32>
  %window = tensor.empty() : tensor<1x1x2xf32>
  %pe = tensor.empty() : tensor<1x4x1x1x3xf32>
  %pi = linalg.fill ins(%inf : f32) outs(%pe : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2 + d5, d3 + d6, d4 + d7)>,
      affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d5, d6, d7)>, affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2, d3, d4)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %window : tensor<1x4x1x1x4xf32>, tensor<1x1x2xf32>) outs(%pi : tensor<1x4x1x1x3xf32>) {
  ^bb0(%in: f32, %win: f32, %out: f32):
    %y = arith.maximumf %in, %out : f32
    linalg.yield %y : f32
  } -> tensor<1x4x1x1x3xf32>
  return %m : tensor<1x4x1x1x3xf32>
}
