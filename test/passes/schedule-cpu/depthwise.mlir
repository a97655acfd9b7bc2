// RUN: %opt %s --passes=fuse-epilogue,pack-depthwise{group=4x4},block-layout,schedule-cpu{target=cortex-a76} 2>&1 | filecheck %s

// NEON: a vector is one column of four channels. All two rows x six columns are one tile; a row reads eight columns,
// each of them once for up to three of its sums, and the weights of the three taps once. Bias at the end.
// CHECK-NOT: remark
// CHECK-LABEL: hal.executable.source private @conv_0
// CHECK: hal.return %c1, %c1{{(_[0-9]+)?}}, %c1{{(_[0-9]+)?}} :
// CHECK: binding(0) {{.*}} flags(ReadOnly) : memref<64xf32>
// CHECK: binding(1) {{.*}} flags(ReadOnly) : memref<12xf32>
// CHECK: binding(2) {{.*}} flags(ReadOnly) : memref<4xf32>
// CHECK: binding(3) alignment(64) offset(%c0) : memref<48xf32>
// CHECK-COUNT-36: vector.fma
// CHECK-NOT: vector.fma
// CHECK: vector.load %2[
// CHECK-COUNT-12: arith.addf {{.*}} : vector<4xf32>
// CHECK-NOT: arith.addf
// CHECK: flow.dispatch @conv_0

#x = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, c, d + kd, h + kh, w * 1 + kw * 1)>
#w = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (g, m, c, kd, kh, kw)>
#y = affine_map<(n, g, m, d, h, w, c, kd, kh, kw) -> (n, g, m, d, h, w)>
func.func @main(%x: tensor<1x4x1x2x6xf32>) -> tensor<1x4x1x2x6xf32> {
  %w = arith.constant dense<[[[[[1.0, 2.0, 3.0]]]], [[[[1.0, 2.0, 3.0]]]], [[[[1.0, 2.0, 3.0]]]], [[[[1.0, 2.0, 3.0]]]]]> : tensor<4x1x1x1x3xf32>
  %bias = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %e = tensor.empty() : tensor<1x4x1x2x6xf32>
  %init = linalg.broadcast ins(%bias : tensor<4xf32>) outs(%e : tensor<1x4x1x2x6xf32>) dimensions = [0, 2, 3, 4]
  %zero = arith.constant 0.0 : f32
  %xp = tensor.pad %x low[0, 0, 0, 0, 1] high[0, 0, 0, 0, 1] {
  ^bb0(%i0: index, %i1: index, %i2: index, %i3: index, %i4: index):
    tensor.yield %zero : f32
  } : tensor<1x4x1x2x6xf32> to tensor<1x4x1x2x8xf32>
  %xg = tensor.expand_shape %xp [[0], [1, 2], [3], [4], [5]] output_shape [1, 4, 1, 1, 2, 8] : tensor<1x4x1x2x8xf32> into tensor<1x4x1x1x2x8xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4], [5]] output_shape [4, 1, 1, 1, 1, 3] : tensor<4x1x1x1x3xf32> into tensor<4x1x1x1x1x3xf32>
  %ig = tensor.expand_shape %init [[0], [1, 2], [3], [4], [5]] output_shape [1, 4, 1, 1, 2, 6] : tensor<1x4x1x2x6xf32> into tensor<1x4x1x1x2x6xf32>
  %yg = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel",
                        "reduction", "reduction", "reduction", "reduction"]}
      ins(%xg, %wg : tensor<1x4x1x1x2x8xf32>, tensor<4x1x1x1x1x3xf32>) outs(%ig : tensor<1x4x1x1x2x6xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %p, %sum : f32
    linalg.yield %s : f32
  } -> tensor<1x4x1x1x2x6xf32>
  %y = tensor.collapse_shape %yg [[0], [1, 2], [3], [4], [5]] : tensor<1x4x1x1x2x6xf32> into tensor<1x4x1x2x6xf32>
  return %y : tensor<1x4x1x2x6xf32>
}
