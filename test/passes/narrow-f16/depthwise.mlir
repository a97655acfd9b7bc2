// RUN: %opt %S/../pack-depthwise/positive.mlir --passes=pack-depthwise{group=2x2},block-layout,narrow-f16 2>&1 | filecheck %s

// A depthwise conv reads f16, weights too, and sums in f32; what it stores is f16.
// CHECK-NOT: remark
// CHECK: %[[W:.+]] = arith.constant {{.*}} : tensor<2x1x1x2x1x2xf16>
// CHECK: %[[H:.+]] = arith.truncf %arg0
// CHECK: %[[X:.+]] = linalg.pack %[[H]] {{.*}} -> tensor<1x2x1x1x6x2xf16>
// CHECK: %[[SUMS:.+]] = linalg.generic {{.*}} ins(%[[W]] : {{.*}} outs({{.*}}xf32>) {{.*}}depthwise_conv
// CHECK: %[[VALUE:.+]] = tensor.extract %[[X]]
// CHECK-NEXT: arith.extf %[[VALUE]] : f16 to f32
// CHECK-NEXT: arith.extf %in : f16 to f32
// CHECK: %[[Y:.+]] = linalg.generic {{.*}} ins(%[[SUMS]] : {{.*}}xf32>) outs({{.*}}xf16>)
// CHECK: arith.truncf
// CHECK: linalg.unpack %[[Y]]
