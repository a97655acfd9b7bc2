// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=narrow-f16 > %t.after 2>&1
// RUN: diff %t.before %t.after

// What is not of the blocked layout stays f32, and a conversion that is the model's own stays: an f16 rounds here.

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x4x1x1x8xf32>) -> tensor<1x4x1x1x8xf32> {
  %e = tensor.empty() : tensor<1x4x1x1x8xf32>
  %m = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x1x1x8xf32>) outs(%e : tensor<1x4x1x1x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x1x1x8xf32>
  %h = arith.truncf %m : tensor<1x4x1x1x8xf32> to tensor<1x4x1x1x8xf16>
  %y = arith.extf %h : tensor<1x4x1x1x8xf16> to tensor<1x4x1x1x8xf32>
  return %y : tensor<1x4x1x1x8xf32>
}
