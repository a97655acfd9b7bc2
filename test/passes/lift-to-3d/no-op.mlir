// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=lift-to-3d > %t.after 2>&1
// RUN: diff %t.before %t.after

// A 3D conv is one already; elementwise ops, padding and reshapes with no layer in front of them stay what they are.

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @main(%x: tensor<1x2x1x4x4xf32>, %y: tensor<1x2x4x4xf32>)
    -> (tensor<1x2x1x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<2x2x1x1x1xf32>
  %e = tensor.empty() : tensor<1x2x1x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x1x4x4xf32>) -> tensor<1x2x1x4x4xf32>
  %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x2x1x4x4xf32>, tensor<2x2x1x1x1xf32>)
      outs(%i : tensor<1x2x1x4x4xf32>) -> tensor<1x2x1x4x4xf32>
  %f = tensor.empty() : tensor<1x2x4x4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%y : tensor<1x2x4x4xf32>) outs(%f : tensor<1x2x4x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x4x4xf32>
  %g = tensor.collapse_shape %y [[0], [1, 2, 3]] : tensor<1x2x4x4xf32> into tensor<1x32xf32>
  return %c, %r, %g : tensor<1x2x1x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x32xf32>
}
