// RUN: %python %S/Inputs/narrow_c3d.py > %t.mlir
// RUN: filecheck %s --check-prefix=IMPORTED --input-file %t.mlir
// RUN: %opt %t.mlir --passes=fold-mask,linear-to-conv,fold-batch-norm,fuse-epilogue,pack-kgs,block-layout,schedule-cpu{target=cortex-a76} > %t.scheduled 2> %t.said
// RUN: diff %t.said %S/Inputs/nothing
// RUN: grep -v ': "0x' %t.scheduled | filecheck %s

// What there is to do: padding, convs, matmuls.
// IMPORTED: tensor.pad
// IMPORTED: linalg.conv_3d_ncdhw_fcdhw
// IMPORTED: linalg.transpose
// IMPORTED: linalg.matmul

// One entry conversion, 8 convs, four of them with their pool, the last pool, 3 linear layers, one conversion at the end, and
// nothing between them.
// CHECK-LABEL: func.func @main(%arg0: tensor<1x3x16x32x32xf32>)
// CHECK-NOT: {{tensor.pad|linalg|tensor.insert_slice|tensor.empty}}
// CHECK: %0 = flow.dispatch @block_layout::@block_layout(%arg0) {{.*}} -> tensor<1x1x18x34x34x4xf32>
// CHECK-NEXT: %1 = flow.dispatch @conv1::@conv1(%0,
// CHECK-NEXT: %2 = flow.dispatch @conv2::@conv2(%1,
// CHECK-NEXT: %3 = flow.dispatch @conv3a::@conv3a(%2,
// CHECK-NEXT: %4 = flow.dispatch @conv3b::@conv3b(%3,
// CHECK-NEXT: %5 = flow.dispatch @conv4a::@conv4a(%4,
// CHECK-NEXT: %6 = flow.dispatch @conv4b::@conv4b(%5,
// CHECK-NEXT: %7 = flow.dispatch @conv5a::@conv5a(%6,
// CHECK-NEXT: %8 = flow.dispatch @conv5b::@conv5b(%7,
// CHECK-NEXT: %9 = flow.dispatch @max_pool
// CHECK-NEXT: %10 = flow.dispatch @fc6::@fc6(%9,
// CHECK-NEXT: %11 = flow.dispatch @fc7::@fc7(%10,
// CHECK-NEXT: %12 = flow.dispatch @fc8::@fc8(%11,
// CHECK-NEXT: %[[Y:.+]] = flow.dispatch @channel_layout::@channel_layout(%12) : {{.*}} -> tensor<1x5x1x1x1xf32>
// CHECK-NEXT: %[[F:.+]] = tensor.collapse_shape %[[Y]] {{.*}} into tensor<1x5xf32>
// CHECK-NEXT: return %[[F]]
