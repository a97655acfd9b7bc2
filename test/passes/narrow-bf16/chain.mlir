// RUN: %opt %S/../Inputs/chain.mlir --passes=fuse-epilogue,pack-kgs{group=8x4},block-layout,narrow-bf16 2>&1 | filecheck %s

// As in f16: one truncf on entry, one extf on exit, and bf16 between them; sums and bias are f32.
// CHECK-NOT: remark
// CHECK-DAG: arith.constant dense_resource<conv_1.packed> : tensor<1x4x8xbf16>
// CHECK-DAG: %[[BIAS:.+]] = arith.constant {{.*}} : tensor<1x4xf32>
// CHECK: %[[X:.+]] = arith.truncf %arg0 : tensor<1x4x1x5x7xf32> to tensor<1x4x1x5x7xbf16>
// CHECK: %[[B:.+]] = linalg.pack %[[X]] {{.*}} -> tensor<1x1x1x5x7x4xbf16>
// CHECK: %[[C:.+]] = linalg.generic {{.*}} outs({{.*}} : tensor<1x1x1x5x7x4xf32>) {{.*}}packed_conv
// CHECK: arith.extf %{{.+}} : bf16 to f32
// CHECK: linalg.generic {{.*}} ins(%[[C]], %[[BIAS]] : tensor<1x1x1x5x7x4xf32>, tensor<1x4xf32>)
// CHECK: %[[SUM:.+]] = arith.addf %{{.+}}, %{{.+}} : f32
// CHECK-NEXT: arith.truncf %[[SUM]] : f32 to bf16
// CHECK: linalg.generic {{.*}} outs(%{{.+}} : tensor<1x1x1x3x2x4xbf16>) {{.*}}max_pool
// CHECK: arith.extf %{{.+}} : tensor<1x4x1x3x3xbf16> to tensor<1x4x1x3x3xf32>
