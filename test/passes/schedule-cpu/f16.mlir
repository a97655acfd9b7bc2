// RUN: %opt %s --passes=pack-kgs{group=8x4},block-layout,narrow-f16,schedule-cpu{target=cortex-a76} | filecheck %s

// f16: the entry conversion truncates. A register holds 8 filters, and one load takes two columns of 4 channels; 14
// columns of 8 filters: 7 loads and 56 fma a tap, two taps an iteration. The sums of 32 taps are f16; they are extended
// and added to the f32 sums, which are truncated when they are stored.
// CHECK: hal.executable.source private @block_layout
// CHECK: binding(0) {{.*}} : memref<{{.*}}xf32>
// CHECK: binding(1) {{.*}} : memref<{{.*}}xf16>
// CHECK: arith.truncf %{{.+}} : f32 to f16
// CHECK: hal.executable.source private @conv_0
// CHECK: binding(0) {{.*}} : memref<{{.*}}xf16>
// CHECK: binding(1) {{.*}} : memref<{{.*}}xf16>
// CHECK: scf.for {{.*}} step %c32{{.*}} iter_args(
// CHECK: scf.for {{.*}} step %c2{{.*}} iter_args(
// CHECK-COUNT-7: vector.load %0[{{.*}} : memref<{{.*}}xf16>, vector<8xf16>
// CHECK: vector.load %1[{{.*}} vector<8xf16>
// CHECK: vector.extract %[[FIRST:.+]][0] : f16 from vector<8xf16>
// CHECK: vector.fma {{.*}} : vector<8xf16>
// CHECK: vector.extract %[[FIRST]][4] : f16 from vector<8xf16>
// CHECK-COUNT-111: vector.fma {{.*}} : vector<8xf16>
// CHECK: scf.for
// CHECK-COUNT-56: vector.fma {{.*}} : vector<8xf16>
// CHECK-NOT: vector.fma
// CHECK: %[[PART:.+]] = arith.extf %{{.+}} : vector<8xf16> to vector<8xf32>
// CHECK-NEXT: arith.addf %{{.+}}, %[[PART]] : vector<8xf32>
// CHECK: arith.truncf %{{.+}} : vector<8xf32> to vector<8xf16>
// CHECK: vector.store {{.*}} memref<{{.*}}xf16>, vector<4xf16>
// CHECK-LABEL: func.func @main
// CHECK: %[[B:.+]] = flow.dispatch @block_layout::@block_layout(%arg0) {{.*}} -> tensor<1x1x1x1x14x4xf16>
// CHECK: flow.dispatch @conv_0::@conv_0(%[[B]],

func.func @main(%x: tensor<1x4x1x1x14xf32>) -> tensor<1x8x1x1x14xf32> {
  %w = arith.constant dense<2.0> : tensor<8x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x1x14xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x1x14xf32>) -> tensor<1x8x1x1x14xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x14xf32>, tensor<8x4x1x1x1xf32>)
      outs(%i : tensor<1x8x1x1x14xf32>) -> tensor<1x8x1x1x14xf32>
  return %y : tensor<1x8x1x1x14xf32>
}
