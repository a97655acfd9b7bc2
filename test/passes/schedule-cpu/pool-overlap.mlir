// RUN: %opt %s --passes=fuse-epilogue,pack-kgs{group=4x4},block-layout,schedule-cpu{target=cortex-a76} | filecheck %s

// Windows of 3x3 that move by 1: of each the maximum of one column is computed, over its rows; the other two columns are
// carried on from the window before, first from those of the first window.
// CHECK-LABEL: hal.executable.source private @max_pool
// CHECK-COUNT-3: vector.load %0
// CHECK-COUNT-2: arith.maximumf
// CHECK-COUNT-3: vector.load %0
// CHECK-COUNT-2: arith.maximumf
// CHECK-NOT: vector.load
// CHECK: scf.for {{.*}} = %c0 to %c6 step %c1 iter_args(%[[A:.+]] = %{{.+}}, %[[B:.+]] = %{{.+}}) -> (vector<4xf32>, vector<4xf32>)
// CHECK-COUNT-3: vector.load %0
// CHECK-NOT: vector.load
// CHECK: arith.maximumf
// CHECK: %[[C:.+]] = arith.maximumf
// CHECK: %[[AB:.+]] = arith.maximumf %[[B]], %[[A]] fastmath<nsz>
// CHECK: %[[ALL:.+]] = arith.maximumf %[[C]], %[[AB]] fastmath<nsz>
// CHECK: vector.store %[[ALL]]
// CHECK: scf.yield %[[B]], %[[C]]

func.func @main(%x: tensor<1x4x1x6x8xf32>) -> tensor<1x4x1x4x6xf32> {
  %w = arith.constant dense<2.0> : tensor<4x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<1x4x1x6x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x1x6x8xf32>) -> tensor<1x4x1x6x8xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x4x1x6x8xf32>, tensor<4x4x1x1x1xf32>)
      outs(%i : tensor<1x4x1x6x8xf32>) -> tensor<1x4x1x6x8xf32>
  %pe = tensor.empty() : tensor<1x4x1x4x6xf32>
  %pi = linalg.fill ins(%low : f32) outs(%pe : tensor<1x4x1x4x6xf32>) -> tensor<1x4x1x4x6xf32>
  %window = tensor.empty() : tensor<1x3x3xf32>
  %p = linalg.generic {
      indexing_maps = [affine_map<(a, b, c, d, e, i, j, k) -> (a, b, c + i, d + j, e + k)>,
                       affine_map<(a, b, c, d, e, i, j, k) -> (i, j, k)>,
                       affine_map<(a, b, c, d, e, i, j, k) -> (a, b, c, d, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%y, %window : tensor<1x4x1x6x8xf32>, tensor<1x3x3xf32>) outs(%pi : tensor<1x4x1x4x6xf32>) {
  ^bb0(%in: f32, %w0: f32, %out: f32):
    %m = arith.maximumf %in, %out : f32
    linalg.yield %m : f32
  } -> tensor<1x4x1x4x6xf32>
  return %p : tensor<1x4x1x4x6xf32>
}
