// RUN: %opt %s --passes=fuse-epilogue,pack-kgs{group=8x4},block-layout,schedule-cpu{target=cortex-a76} | filecheck %s

// A pool whose 1x2x2 windows tile the conv's output goes into its kernel. The ReLUs and the maxima of the first row of
// windows go to the stack, then those of the second; then 4 columns are stored, one an iteration, each as 2 blocks of 4.
// CHECK-LABEL: hal.executable.source private @conv_0
// CHECK: binding(5) alignment(64) offset(%c0) : memref<64xf32>
// CHECK: %[[LINE:.+]] = memref.alloca() : memref<64xf32>
// CHECK-COUNT-4: vector.store {{.*}}, %[[LINE]]{{.*}} vector<8xf32>
// CHECK: vector.load %[[LINE]]
// CHECK-COUNT-4: vector.store {{.*}}, %[[LINE]]{{.*}} vector<8xf32>
// CHECK-COUNT-2: vector.store {{.*}} memref<64xf32>, vector<4xf32>
// CHECK-NOT: vector.store
// CHECK-LABEL: func.func @main
// CHECK: flow.dispatch @conv_0::@conv_0({{.*}} -> tensor<1x2x1x2x4x4xf32>
// CHECK-NOT: max_pool

func.func @main(%x: tensor<1x4x1x4x8xf32>) -> tensor<1x8x1x2x4xf32> {
  %w = arith.constant dense<2.0> : tensor<8x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x8x1x4x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x4x8xf32>) -> tensor<1x8x1x4x8xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x4x1x4x8xf32>, tensor<8x4x1x1x1xf32>)
      outs(%i : tensor<1x8x1x4x8xf32>) -> tensor<1x8x1x4x8xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>, affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%y : tensor<1x8x1x4x8xf32>) outs(%e : tensor<1x8x1x4x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.maximumf %in, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x8x1x4x8xf32>
  %pe = tensor.empty() : tensor<1x8x1x2x4xf32>
  %pi = linalg.fill ins(%low : f32) outs(%pe : tensor<1x8x1x2x4xf32>) -> tensor<1x8x1x2x4xf32>
  %window = tensor.empty() : tensor<1x2x2xf32>
  %p = linalg.generic {
      indexing_maps = [affine_map<(a, b, c, d, e, i, j, k) -> (a, b, c + i, d * 2 + j, e * 2 + k)>,
                       affine_map<(a, b, c, d, e, i, j, k) -> (i, j, k)>,
                       affine_map<(a, b, c, d, e, i, j, k) -> (a, b, c, d, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%r, %window : tensor<1x8x1x4x8xf32>, tensor<1x2x2xf32>) outs(%pi : tensor<1x8x1x2x4xf32>) {
  ^bb0(%in: f32, %w0: f32, %out: f32):
    %m = arith.maximumf %in, %out : f32
    linalg.yield %m : f32
  } -> tensor<1x8x1x2x4xf32>
  return %p : tensor<1x8x1x2x4xf32>
}
