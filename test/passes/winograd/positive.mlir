// RUN: %opt %S/../Inputs/dense-3x3.mlir "--passes=fuse-epilogue,pack-kgs{group=8x4},block-layout,winograd{target=cortex-a76 tile=2}" 2>&1 | filecheck %s

// 5x4 outputs in 3x2 tiles of 2x2, one group of 6. The third row of tiles begins at 3, not 4: it moves back.
// CHECK-NOT: remark
// CHECK-DAG: %[[B:.+]] = arith.constant dense_resource<conv_0.input_transform> : tensor<16x4x4xf32>
// CHECK-DAG: %[[TILES:.+]] = arith.constant dense<{{\[\[}}0, 0], [0, 2], [2, 0], [2, 2], [3, 0], [3, 2]]> : tensor<6x2xi32>
// CHECK-DAG: %[[U:.+]] = arith.constant dense_resource<conv_0.winograd> : tensor<16x1x1x1x4x8xf32>
// CHECK-DAG: %[[A:.+]] = arith.constant {{.*}} : tensor<2x2x16xf32>
// CHECK: %[[X:.+]] = tensor.insert_slice {{.*}} into tensor<1x1x2x7x6x4xf32>
// CHECK-NOT: packed_conv

// CHECK: %[[V:.+]] = linalg.generic {{.*}} ins(%[[B]] : tensor<16x4x4xf32>) outs({{.*}} : tensor<1x2x1x16x1x6x4xf32>) {{.*}}winograd = {depth = array<i64: 0, 1, 1>, ins = ["factors"], layer = "conv_0", step = "input", tiling = array<i64: 2, 5, 4, 6, 1, 1>}
// CHECK: tensor.extract %[[TILES]]
// CHECK: tensor.extract %[[X]]
// CHECK: %[[M:.+]] = linalg.generic {{.*}} ins(%[[U]] : tensor<16x1x1x1x4x8xf32>) outs({{.*}} : tensor<1x2x1x1x16x6x8xf32>) {{.*}}step = "product"
// CHECK: tensor.extract %[[V]]
// CHECK: %[[Y:.+]] = linalg.generic {{.*}} outs({{.*}} : tensor<1x2x2x5x4x4xf32>) {{.*}}step = "output"
// CHECK: tensor.extract %[[A]]{{.*}} {operand = "factors"}
// CHECK: tensor.extract %[[M]]

// The bias is behind it as it was behind the conv.
// CHECK: linalg.generic {{.*}} ins(%[[Y]], %{{.+}} : tensor<1x2x2x5x4x4xf32>, tensor<2x4xf32>)
// CHECK: arith.addf
