// RUN: %opt %S/../Inputs/dense-3x3.mlir "--passes=fuse-epilogue,pack-kgs{group=8x4},block-layout,winograd{target=cortex-a76 tile=2},schedule-cpu{target=cortex-a76}" 2>&1 | filecheck %s

// CHECK-NOT: remark
// The input's transform: one group of tiles, two planes; 16 loads and 16 stores a tile and channel block, additions only.
// CHECK-LABEL: hal.executable.source private @conv_0_winograd_input
// CHECK: hal.return %c1, %c2, %c1 :
// CHECK-COUNT-16: vector.load %0
// CHECK-NOT: arith.mulf
// CHECK-NOT: vector.fma
// CHECK-COUNT-16: vector.store {{.*}}, %2

// The product: 2 planes, 1 row of 8 filters, 16 points; 6 tiles x 4 channels, each number of V in all lanes by lane FMAs.
// CHECK-LABEL: hal.executable.source private @conv_0 {
// CHECK: hal.return %c2, %c1, %c16 :
// CHECK-COUNT-6: vector.load %0
// CHECK-COUNT-24: vector.fma
// CHECK-NOT: vector.fma
// CHECK-COUNT-6: vector.store {{.*}}, %2

// The output's transform: two halves of the 8 filters, each 16 points in, 4 outputs with their bias out.
// CHECK-LABEL: hal.executable.source private @conv_0_winograd_output
// CHECK: hal.return %c2, %c1, %c1 :
// CHECK: vector.load %2
// CHECK-COUNT-16: vector.load %0
// CHECK-COUNT-4: vector.store {{.*}}, %3
// CHECK: vector.load %2
// CHECK-COUNT-16: vector.load %0
// CHECK-COUNT-4: vector.store {{.*}}, %3
// CHECK-NOT: vector.store

// CHECK-LABEL: func.func @main
// CHECK: %[[X:.+]] = flow.dispatch @block_layout::@block_layout(%arg0)
// CHECK-NEXT: %[[V:.+]] = flow.dispatch @conv_0_winograd_input::@conv_0_winograd_input(%[[X]], %[[TILES:[a-z0-9_]+]])
// CHECK-NEXT: %[[M:.+]] = flow.dispatch @conv_0::@conv_0(%[[V]], %{{.+}})
// CHECK-NEXT: %[[Y:.+]] = flow.dispatch @conv_0_winograd_output::@conv_0_winograd_output(%[[M]], %[[TILES]], %{{.+}})
// CHECK-NEXT: flow.dispatch @channel_layout::@channel_layout(%[[Y]])
