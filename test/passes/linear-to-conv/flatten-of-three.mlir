// RUN: %opt %s --passes=linear-to-conv | filecheck %s

// A flatten that keeps three axes stays what it is when the ReLU moves in front of it.
// CHECK: %[[R:.+]] = linalg.generic {{.*}} ins(%arg0 : tensor<2x8x3x3x3xf32>)
// CHECK: tensor.collapse_shape %[[R]] {{\[\[}}0], [1], [2, 3, 4]] : tensor<2x8x3x3x3xf32> into tensor<2x8x27xf32>

#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @main(%x: tensor<2x8x3x3x3xf32>) -> tensor<2x8x27xf32> {
  %zero = arith.constant 0.0 : f32
  %f = tensor.collapse_shape %x [[0], [1], [2, 3, 4]] : tensor<2x8x3x3x3xf32> into tensor<2x8x27xf32>
  %e = tensor.empty() : tensor<2x8x27xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%f : tensor<2x8x27xf32>) outs(%e : tensor<2x8x27xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<2x8x27xf32>
  return %r : tensor<2x8x27xf32>
}
