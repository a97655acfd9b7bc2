// RUN: %opt %S/../Inputs/chain.mlir --passes=fuse-epilogue,pack-kgs{group=8x4},block-layout,narrow-f16 2>&1 | filecheck %s

// conv + bias, max pool with padding, zero padding, conv: one truncf on entry, one extf on exit, and f16 between them.
// Sums, bias and the max pool's window are f32.
// CHECK-NOT: remark
// CHECK-DAG: %[[W:.+]] = arith.constant dense<{{.*}}2.000000e+00{{.*}} : tensor<1x4x8xf16>
// CHECK-DAG: %[[V:.+]] = arith.constant dense_resource<conv_0.packed.1> : tensor<4x4x8xf16>
// CHECK-DAG: %[[BIAS:.+]] = arith.constant {{.*}} : tensor<1x4xf32>
// CHECK-DAG: %[[ZERO:.+]] = arith.constant 0.000000e+00 : f16
// CHECK-DAG: %[[INF:.+]] = arith.constant 0xFC00 : f16
// CHECK: %[[X:.+]] = arith.truncf %arg0 : tensor<1x4x1x5x7xf32> to tensor<1x4x1x5x7xf16>
// CHECK: %[[B:.+]] = linalg.pack %[[X]] {{.*}} -> tensor<1x1x1x5x7x4xf16>
// CHECK: %[[C:.+]] = linalg.generic {{.*}} outs({{.*}} : tensor<1x1x1x5x7x4xf32>) {{.*}}packed_conv
// CHECK: %[[READ:.+]] = tensor.extract %[[B]]{{.*}} : tensor<1x1x1x5x7x4xf16>
// CHECK-NEXT: %[[WIDE:.+]] = arith.extf %[[READ]] : f16 to f32
// CHECK: %[[WEIGHT:.+]] = tensor.extract %[[W]]
// CHECK-NEXT: %[[WIDE_WEIGHT:.+]] = arith.extf %[[WEIGHT]] : f16 to f32
// CHECK-NEXT: arith.mulf %[[WIDE]], %[[WIDE_WEIGHT]] : f32
// CHECK: %[[E:.+]] = linalg.generic {{.*}} ins(%[[C]], %[[BIAS]] : tensor<1x1x1x5x7x4xf32>, tensor<1x4xf32>)
// CHECK: %[[SUM:.+]] = arith.addf %{{.+}}, %{{.+}} : f32
// CHECK-NEXT: arith.truncf %[[SUM]] : f32 to f16
// CHECK: linalg.fill ins(%[[INF]] : f16)
// CHECK: %[[P:.+]] = linalg.generic {{.*}} outs(%{{.+}} : tensor<1x1x1x3x2x4xf16>) {{.*}}max_pool
// CHECK: tensor.extract %[[E]]
// CHECK: %[[Z:.+]] = linalg.fill ins(%[[ZERO]] : f16) {{.*}} -> tensor<1x1x1x4x4x4xf16>
// CHECK: %[[I:.+]] = tensor.insert_slice %[[P]] into %[[Z]][0, 0, 0, 0, 2, 0] [1, 1, 1, 3, 2, 4] [1, 1, 1, 1, 1, 1]

// The second conv has no epilogue; one that only truncates takes its place.
// CHECK: %[[D:.+]] = linalg.generic {{.*}}packed_conv
// CHECK: tensor.extract %[[I]][
// CHECK: tensor.extract %[[V]][
// CHECK: %[[H:.+]] = linalg.generic {{.*}} ins(%[[D]] : tensor<1x1x1x3x3x4xf32>) outs(%{{.+}} : tensor<1x1x1x3x3x4xf16>)
// CHECK: %[[U:.+]] = linalg.unpack %[[H]] {{.*}} -> tensor<1x4x1x3x3xf16>
// CHECK: %[[Y:.+]] = arith.extf %[[U]] : tensor<1x4x1x3x3xf16> to tensor<1x4x1x3x3xf32>
// CHECK: return %[[Y]]
