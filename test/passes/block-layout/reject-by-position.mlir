// RUN: %opt %s --passes=pack-kgs{group=4x4},block-layout 2>&1 | filecheck %s

// A factor that differs by position has no blocked form here: it is named, and the net converts and converts back.
// CHECK: remark: block-layout: linalg.generic: it has no blocked form; its input is converted to NCDHW and back
// CHECK: linalg.unpack
// CHECK: arith.mulf
// CHECK: linalg.pack
// CHECK: linalg.unpack

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x4x1x1x3xf32>, %p: tensor<1x1x1x1x3xf32>) -> tensor<1x4x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<4x4x1x1x1xf32>
  %v = arith.constant dense<3.0> : tensor<4x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x1x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x3xf32>, tensor<4x4x1x1x1xf32>)
      outs(%i : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %m = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d2, d3, d4)>, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %p : tensor<1x4x1x1x3xf32>, tensor<1x1x1x1x3xf32>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.mulf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x1x1x3xf32>
  %f = tensor.empty() : tensor<1x4x1x1x3xf32>
  %j = linalg.fill ins(%zero : f32) outs(%f : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %d = linalg.conv_3d_ncdhw_fcdhw ins(%m, %v : tensor<1x4x1x1x3xf32>, tensor<4x4x1x1x1xf32>)
      outs(%j : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  return %d : tensor<1x4x1x1x3xf32>
}
