// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// A sum over channels that starts from another number, one over channels and positions, and a product.
// CHECK-NOT: channel_reduction
// CHECK: return

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#one = affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d2, d3, d4)>
#both = affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d2, d3, 0)>
func.func @main(%b: tensor<1x1x1x1x2x4xf32>) -> (tensor<1x1x1x1x2xf32>, tensor<1x1x1x1x1xf32>, tensor<1x1x1x1x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %number = arith.constant 1.0 : f32
  %xe = tensor.empty() : tensor<1x4x1x1x2xf32>
  %x = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x1x1x1x2x4xf32> -> tensor<1x4x1x1x2xf32>
  %e0 = tensor.empty() : tensor<1x1x1x1x2xf32>
  %i0 = linalg.fill ins(%number : f32) outs(%e0 : tensor<1x1x1x1x2xf32>) -> tensor<1x1x1x1x2xf32>
  %s0 = linalg.generic {indexing_maps = [#id, #one], iterator_types = ["parallel", "reduction", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x1x1x2xf32>) outs(%i0 : tensor<1x1x1x1x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<1x1x1x1x2xf32>
  %e1 = tensor.empty() : tensor<1x1x1x1x1xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x1x1x1x1xf32>) -> tensor<1x1x1x1x1xf32>
  %s1 = linalg.generic {indexing_maps = [#id, #both], iterator_types = ["parallel", "reduction", "parallel", "parallel", "reduction"]}
      ins(%x : tensor<1x4x1x1x2xf32>) outs(%i1 : tensor<1x1x1x1x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<1x1x1x1x1xf32>
  %s2 = linalg.generic {indexing_maps = [#id, #one], iterator_types = ["parallel", "reduction", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x1x1x2xf32>) outs(%i0 : tensor<1x1x1x1x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<1x1x1x1x2xf32>
  return %s0, %s1, %s2 : tensor<1x1x1x1x2xf32>, tensor<1x1x1x1x1xf32>, tensor<1x1x1x1x2xf32>
}
