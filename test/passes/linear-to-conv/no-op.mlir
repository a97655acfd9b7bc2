// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=linear-to-conv > %t.after 2>&1
// RUN: diff %t.before %t.after

// A flatten that only a reduction reads, and an elementwise op that reads its position: both stay.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @main(%x: tensor<2x8x3x3x3xf32>) -> (tensor<2xf32>, tensor<2x216xf32>) {
  %zero = arith.constant 0.0 : f32
  %f = tensor.collapse_shape %x [[0], [1, 2, 3, 4]] : tensor<2x8x3x3x3xf32> into tensor<2x216xf32>
  %e = tensor.empty() : tensor<2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%f : tensor<2x216xf32>) outs(%i : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.addf %a, %o : f32
    linalg.yield %m : f32
  } -> tensor<2xf32>
  %g = tensor.empty() : tensor<2x216xf32>
  %p = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%f : tensor<2x216xf32>) outs(%g : tensor<2x216xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = linalg.index 1 : index
    %k = arith.index_cast %n : index to i32
    %q = arith.sitofp %k : i32 to f32
    %m = arith.addf %a, %q : f32
    linalg.yield %m : f32
  } -> tensor<2x216xf32>
  return %s, %p : tensor<2xf32>, tensor<2x216xf32>
}
