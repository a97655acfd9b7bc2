// RUN: %opt %s --passes=pack-kgs{group=8x4},block-layout,schedule-cpu{target=cortex-a76} | filecheck %s

// NEON: four channels in one load, and each lane of it broadcast. 8 columns of 8 filters: 8 loads and
// 32 fma a tap; two taps an iteration, and a loop for the last odd one.
// CHECK-LABEL: hal.executable.source private @conv_0
// CHECK: scf.for {{.*}} iter_args(
// CHECK-COUNT-8: vector.load %0[{{.*}} : memref<{{.*}}>, vector<4xf32>
// CHECK: vector.load %1[{{.*}} vector<8xf32>
// CHECK: vector.extract %{{.+}}[0] : f32 from vector<4xf32>
// CHECK: vector.broadcast %{{.+}} : f32 to vector<8xf32>
// CHECK-COUNT-64: vector.fma {{.*}} : vector<8xf32>
// CHECK: scf.for {{.*}} iter_args(
// CHECK-COUNT-32: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.fma
// CHECK-NOT: memref.load %0

func.func @main(%x: tensor<1x4x1x1x8xf32>) -> tensor<1x8x1x1x8xf32> {
  %w = arith.constant dense<2.0> : tensor<8x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x1x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x1x8xf32>) -> tensor<1x8x1x1x8xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 1]> : vector<3xi64>, dilations = dense<[1, 1, 1]> : vector<3xi64>}
      ins(%x, %w : tensor<1x4x1x1x8xf32>, tensor<8x4x1x1x1xf32>)
      outs(%i : tensor<1x8x1x1x8xf32>) -> tensor<1x8x1x1x8xf32>
  return %y : tensor<1x8x1x1x8xf32>
}
