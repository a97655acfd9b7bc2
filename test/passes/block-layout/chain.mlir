// RUN: %opt %S/../Inputs/chain.mlir --passes=fuse-epilogue,pack-kgs{group=4x4},block-layout 2>&1 | filecheck %s

// conv + bias, max pool with padding, zero padding, conv: one conversion on entry, one on exit.
// CHECK-NOT: remark
// CHECK-DAG: %[[BIAS:.+]] = arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]]> : tensor<1x4xf32>
// CHECK-DAG: %[[ZERO:.+]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[INF:.+]] = arith.constant 0xFF800000 : f32
// CHECK: linalg.pack %arg0 inner_dims_pos = [1] inner_tiles = [4] {{.*}} -> tensor<1x1x1x5x7x4xf32>
// CHECK-NOT: linalg.{{(un)?pack}}
// CHECK: %[[C:.+]] = linalg.generic {{.*}}packed_conv
// CHECK: %[[E:.+]] = linalg.generic {{.*}} ins(%[[C]], %[[BIAS]] : tensor<1x1x1x5x7x4xf32>, tensor<1x4xf32>)
// CHECK: arith.addf

// The pool reads no padded copy: H is clamped to 0..4 (padding 1 below), W to 0..6 (window of 3, stride 3, over 8).
// CHECK: linalg.fill ins(%[[INF]]
// CHECK: %[[P:.+]] = linalg.generic {{.*}} ins(%{{.+}} : tensor<1x2x3xf32>) outs(%{{.+}} : tensor<1x1x1x3x2x4xf32>) {{.*}}max_pool = {ins = ["window"], kernel = array<i64: 1, 2, 3>, low = array<i64: 0, 1, 0>, strides = array<i64: 1, 2, 3>, zeros = false}
// CHECK: %[[H:.+]] = arith.subi %{{.+}}, %c1
// CHECK-NEXT: %[[H0:.+]] = arith.maxsi %[[H]], %c0
// CHECK-NEXT: %[[H1:.+]] = arith.minsi %[[H0]], %c4
// CHECK: %[[W0:.+]] = arith.maxsi %{{.+}}, %c0
// CHECK-NEXT: %[[W1:.+]] = arith.minsi %[[W0]], %c6
// CHECK: tensor.extract %[[E]][%{{.+}}, %{{.+}}, %{{.+}}, %[[H1]], %[[W1]], %{{.+}}]
// CHECK: arith.maximumf

// Zero padding of the next conv, 0/1 rows and 2/0 columns: an insert into zeros.
// CHECK: %[[Z:.+]] = linalg.fill ins(%[[ZERO]] : f32) {{.*}} -> tensor<1x1x1x4x4x4xf32>
// CHECK: %[[I:.+]] = tensor.insert_slice %[[P]] into %[[Z]][0, 0, 0, 0, 2, 0] [1, 1, 1, 3, 2, 4] [1, 1, 1, 1, 1, 1]
// CHECK: linalg.generic {{.*}}packed_conv
// CHECK: tensor.extract %[[I]][
// CHECK-NOT: tensor.pad
// CHECK: linalg.unpack {{.*}} : tensor<1x1x1x3x3x4xf32> -> tensor<1x4x1x3x3xf32>
// CHECK-NOT: linalg.{{(un)?pack}}
