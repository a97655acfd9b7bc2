// RUN: %opt %s --passes=pack-kgs{group=8x4},block-layout,schedule-cpu{target=cortex-a76} | filecheck %s

// A pool of 3x3 windows that move by 2 goes into the conv's kernel. A row of windows keeps its last row of sums apart, in
// SHARED, for the next one, which has it, too. At the top there is none before; where a chunk starts it is computed again.
// CHECK-LABEL: hal.executable.source private @conv_0
// CHECK: binding(4) alignment(64) offset(%c0) : memref<128xf32>
// CHECK: %[[LINE:.+]] = memref.alloca() : memref<64xf32>
// CHECK: %[[SHARED:.+]] = memref.alloca() : memref<64xf32>
// CHECK: %[[FRESH:.+]] = arith.ori
// CHECK: scf.if %[[FRESH]] {
// CHECK: scf.if
// CHECK: vector.store %{{cst.*}}, %[[SHARED]]
// CHECK: } else {
// CHECK: vector.store {{.*}}, %[[SHARED]]
// CHECK: vector.load %[[SHARED]]
// CHECK: arith.maximumf
// CHECK: vector.store {{.*}}, %[[LINE]]
// CHECK: vector.store {{.*}}, %[[SHARED]]
// CHECK-COUNT-5: arith.maximumf
// CHECK-COUNT-2: vector.store {{.*}} memref<128xf32>, vector<4xf32>
// CHECK-LABEL: func.func @main
// CHECK: flow.dispatch @conv_0::@conv_0({{.*}} -> tensor<1x2x1x4x4x4xf32>
// CHECK-NOT: max_pool

func.func @main(%x: tensor<1x4x1x8x8xf32>) -> tensor<1x8x1x4x4xf32> {
  %w = arith.constant dense<2.0> : tensor<8x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x8x1x8x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x8x8xf32>) -> tensor<1x8x1x8x8xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x4x1x8x8xf32>, tensor<8x4x1x1x1xf32>)
      outs(%i : tensor<1x8x1x8x8xf32>) -> tensor<1x8x1x8x8xf32>
  %padded = tensor.pad %y low[0, 0, 0, 1, 1] high[0, 0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index, %f: index):
    tensor.yield %low : f32
  } : tensor<1x8x1x8x8xf32> to tensor<1x8x1x10x10xf32>
  %pe = tensor.empty() : tensor<1x8x1x4x4xf32>
  %pi = linalg.fill ins(%low : f32) outs(%pe : tensor<1x8x1x4x4xf32>) -> tensor<1x8x1x4x4xf32>
  %window = tensor.empty() : tensor<1x3x3xf32>
  %p = linalg.generic {
      indexing_maps = [affine_map<(a, b, c, d, e, i, j, k) -> (a, b, c + i, d * 2 + j, e * 2 + k)>,
                       affine_map<(a, b, c, d, e, i, j, k) -> (i, j, k)>,
                       affine_map<(a, b, c, d, e, i, j, k) -> (a, b, c, d, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%padded, %window : tensor<1x8x1x10x10xf32>, tensor<1x3x3xf32>) outs(%pi : tensor<1x8x1x4x4xf32>) {
  ^bb0(%in: f32, %w0: f32, %out: f32):
    %m = arith.maximumf %in, %out : f32
    linalg.yield %m : f32
  } -> tensor<1x8x1x4x4xf32>
  return %p : tensor<1x8x1x4x4xf32>
}
