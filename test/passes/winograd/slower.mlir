// RUN: %opt %S/../Inputs/dense-3x3.mlir "--passes=fuse-epilogue,pack-kgs{group=8x4},block-layout,winograd{target=cortex-a76}" 2>&1 | filecheck %s

// 4 channels: the transforms cost more than the multiplications that they save.
// CHECK: packed_conv
// CHECK-NOT: winograd =
