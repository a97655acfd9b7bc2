// RUN: %opt %S/../Inputs/chain.mlir --passes=fuse-epilogue,pack-kgs{group=4x4},block-layout,schedule-cpu{target=cortex-a76} 2>&1 | filecheck %s

// Five dispatches: epilogue, clamped pool and zero border are inside the kernels.
// CHECK-NOT: remark
// The exit: a workgroup a plane and channel block, whose four lanes are copied to four channels of 9 positions.
// CHECK-LABEL: hal.executable.source private @channel_layout
// CHECK: hal.return %c1, %c1, %c1 :
// CHECK: binding(0) {{.*}} flags(ReadOnly) : memref<36xf32>
// CHECK: binding(1) {{.*}} : memref<36xf32>
// CHECK-COUNT-4: memref.store
// CHECK-NOT: memref.store

// CHECK-LABEL: hal.executable.source private @block_layout
// CHECK: hal.return %c1, %c1, %c1 :
// CHECK: binding(0) {{.*}} flags(ReadOnly) : memref<140xf32>
// CHECK: binding(1) {{.*}} : memref<140xf32>

// The pool: one plane of interior and one workgroup for the border; 2x3 windows; 4 rows of 4 columns in the output, of
// which it computes 3 x 2.
// CHECK-LABEL: hal.executable.source private @max_pool
// CHECK: hal.return %c2, %c1, %c1 :
// CHECK: binding(0) {{.*}} flags(ReadOnly) : memref<140xf32>
// CHECK: binding(1) {{.*}} : memref<64xf32>
// CHECK: arith.cmpi slt, %workgroup_id_x, %c1
// CHECK: scf.if
// CHECK: scf.for %{{.+}} = %c0 to %c3
// CHECK: %[[FIRST:.+]] = arith.maxsi %{{.+}}, %c0
// CHECK-NEXT: arith.minsi %[[FIRST]], %c4
// CHECK: %[[SECOND:.+]] = arith.maxsi %{{.+}}, %c0
// CHECK-NEXT: arith.minsi %[[SECOND]], %c4
// CHECK-NOT: arith.minsi
// CHECK: scf.for %{{.+}} = %c0 to %c2
// CHECK-COUNT-2: vector.load %0
// CHECK-NEXT: arith.maximumf {{.*}} fastmath<nsz> : vector<4xf32>
// CHECK-COUNT-4: arith.maximumf {{.*}} fastmath<nsz> : vector<4xf32>
// CHECK: vector.store
// CHECK: } else {
// CHECK: vector.store %cst, %1

// The 1x1x1 conv: input, weights, offsets, starts, bias, output; a tile of 5 rows x 2 columns, so 10 sums, 4 channels
// each, in two taps and the odd one; and the bias once a sum.
// CHECK-LABEL: hal.executable.source private @conv_1
// CHECK: binding(0) {{.*}} flags(ReadOnly) : memref<140xf32>
// CHECK: binding(1) {{.*}} flags(ReadOnly) : memref<16xf32>
// CHECK: binding(2) {{.*}} flags(ReadOnly) : memref<1xi32>
// CHECK: binding(3) {{.*}} flags(ReadOnly) : memref<2xi32>
// CHECK: binding(4) {{.*}} flags(ReadOnly) : memref<4xf32>
// CHECK: binding(5) alignment(64) offset(%c0) : memref<140xf32>
// CHECK-COUNT-120: vector.fma
// CHECK-NOT: vector.fma
// CHECK: vector.load %4[
// CHECK-COUNT-10: arith.addf {{.*}} : vector<4xf32>
// CHECK-NOT: arith.addf
// CHECK-COUNT-10: vector.store {{.*}} memref<140xf32>, vector<4xf32>
// CHECK-NOT: vector.store

// The 2x2 conv without bias: 9 sums, 4 channels, two taps and the odd one.
// CHECK-LABEL: hal.executable.source private @conv_0
// CHECK: binding(4) alignment(64) offset(%c0) : memref<36xf32>
// CHECK-COUNT-108: vector.fma
// CHECK-NOT: vector.fma
// CHECK-NOT: arith.addf
// CHECK-COUNT-9: vector.store

// Offsets of the 2x2 taps into rows of 4 columns: 0, 1, 4, 5; two of them for each kh.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[STARTS:.+]] = arith.constant dense<[0, 2, 4]> : tensor<3xi32>
// CHECK-DAG: %[[OFFSETS:.+]] = arith.constant dense<[0, 1, 4, 5]> : tensor<4xi32>
// CHECK-DAG: %[[BIAS:.+]] = arith.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf32>
// CHECK: %[[X:.+]] = flow.dispatch @block_layout::@block_layout(%arg0)
// CHECK-NEXT: %[[C:.+]] = flow.dispatch @conv_1::@conv_1(%[[X]], %{{.+}}, %{{.+}}, %{{.+}}, %[[BIAS]])
// CHECK-NEXT: %[[P:.+]] = flow.dispatch @max_pool::@max_pool(%[[C]]) {{.*}} -> tensor<1x1x1x4x4x4xf32>
// CHECK-NEXT: %[[D:.+]] = flow.dispatch @conv_0::@conv_0(%[[P]], %{{.+}}, %[[OFFSETS]], %[[STARTS]])
// CHECK-NEXT: %[[Y:.+]] = flow.dispatch @channel_layout::@channel_layout(%[[D]])
// CHECK-NEXT: return %[[Y]]
