// RUN: %opt %s --passes=linear-to-conv,block-layout 2>&1 | filecheck %s

// A mean over all positions is a pool of one window; the division goes with it.
// CHECK-NOT: remark
// CHECK: %[[S:.+]] = arith.constant dense<2.500000e-01> : tensor<1x1x1xf32>
// CHECK: linalg.generic {{.*}} ins(%{{.+}}, %[[S]] : tensor<1x2x2xf32>, tensor<1x1x1xf32>) {{.*}}avg_pool = {ins = ["window", "scale"], kernel = array<i64: 1, 2, 2>, low = array<i64: 0, 0, 0>, strides = array<i64: 1, 2, 2>}
// CHECK-NOT: arith.divf
// CHECK: %[[U:.+]] = linalg.unpack {{.*}} -> tensor<1x4x1x1x1xf32>
// CHECK: tensor.collapse_shape %[[U]] {{.*}} into tensor<1x4xf32>

#five = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#channel = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1)>
#two = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%b: tensor<1x1x1x2x2x4xf32>) -> tensor<1x4xf32> {
  %zero = arith.constant 0.0 : f32
  %four = arith.constant 4.0 : f32
  %xe = tensor.empty() : tensor<1x4x1x2x2xf32>
  %x = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x1x1x2x2x4xf32> -> tensor<1x4x1x2x2xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %s = linalg.generic {indexing_maps = [#five, #channel], iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x : tensor<1x4x1x2x2xf32>) outs(%i : tensor<1x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<1x4xf32>
  %r = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %four : f32
    linalg.yield %0 : f32
  } -> tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}
