// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=fuse-elementwise > %t.after 2>&1
// RUN: diff %t.before %t.after

// A value with two readers would be computed twice, a gate for every position; other layouts are not this pass's business.

#id = affine_map<(n, o, d, h, w, c) -> (n, o, d, h, w, c)>
#gate = affine_map<(n, o, d, h, w, c) -> (n, o, 0, 0, 0, c)>
#plain = affine_map<(n, c, d, h, w) -> (n, c, d, h, w)>
func.func @readers(%x: tensor<1x1x1x1x3x4xf32>, %e: tensor<1x1x1x1x3x4xf32>) -> (tensor<1x1x1x1x3x4xf32>, tensor<1x1x1x1x3x4xf32>) {
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x1x1x1x3x4xf32>) outs(%e : tensor<1x1x1x1x3x4xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %s = math.exp %a0 : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x1x3x4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%0 : tensor<1x1x1x1x3x4xf32>) outs(%e : tensor<1x1x1x1x3x4xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %s = arith.negf %a0 : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x1x3x4xf32>
  return %0, %1 : tensor<1x1x1x1x3x4xf32>, tensor<1x1x1x1x3x4xf32>
}
func.func @gate(%x: tensor<1x1x1x1x3x4xf32>, %g: tensor<1x1x1x1x1x4xf32>, %e: tensor<1x1x1x1x3x4xf32>, %f: tensor<1x1x1x1x1x4xf32>) -> tensor<1x1x1x1x3x4xf32> {
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%g : tensor<1x1x1x1x1x4xf32>) outs(%f : tensor<1x1x1x1x1x4xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %s = math.exp %a0 : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x1x1x4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #gate, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %0 : tensor<1x1x1x1x3x4xf32>, tensor<1x1x1x1x1x4xf32>) outs(%e : tensor<1x1x1x1x3x4xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %s = arith.mulf %a0, %a1 : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x1x3x4xf32>
  return %1 : tensor<1x1x1x1x3x4xf32>
}
func.func @plain(%x: tensor<1x4x1x1x3xf32>, %e: tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32> {
  %0 = linalg.generic {indexing_maps = [#plain, #plain], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x1x1x3xf32>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %s = math.exp %a0 : f32
    linalg.yield %s : f32
  } -> tensor<1x4x1x1x3xf32>
  %1 = linalg.generic {indexing_maps = [#plain, #plain], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%0 : tensor<1x4x1x1x3xf32>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %s = arith.negf %a0 : f32
    linalg.yield %s : f32
  } -> tensor<1x4x1x1x3xf32>
  return %1 : tensor<1x4x1x1x3xf32>
}
