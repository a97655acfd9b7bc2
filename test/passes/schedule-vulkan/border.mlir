// RUN: %opt %s --passes=pack-kgs{group=8x4},block-layout,schedule-vulkan{target=vulkan-adreno} | filecheck %s

// What the next conv pads, the kernel before it writes: 16 rows of 14 x 14 positions, and behind all of them, for they
// have little to do, workgroups that write zeros around.
// CHECK: hal.executable.source private @conv_1
// CHECK: [[ROWS:%.+]] = arith.constant 16 : i32
// CHECK: [[Y:%.+]] = arith.index_cast %workgroup_id_y : index to i32
// CHECK-NEXT: [[INSIDE:%.+]] = arith.cmpi ult, [[Y]], [[ROWS]] : i32
// CHECK-NEXT: scf.if [[INSIDE]]
// Of the 16 x 16 positions and 32 channel blocks, none behind the last.
// CHECK: } else {
// CHECK: arith.cmpi ult, {{.*}}, %c256_i32 : i32
// CHECK-NEXT: scf.if
// CHECK-NEXT: arith.muli
// CHECK-NEXT: arith.cmpi ult, {{.*}}, %c32_i32 : i32
// CHECK-NEXT: scf.if
func.func @main(%x: tensor<1x4x1x14x14xf32>) -> tensor<1x8x1x14x14xf32> {
  %w = arith.constant dense<2.0> : tensor<128x4x1x1x1xf32>
  %v = arith.constant dense<1.0> : tensor<8x128x1x3x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x128x1x14x14xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x128x1x14x14xf32>) -> tensor<1x128x1x14x14xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x14x14xf32>, tensor<128x4x1x1x1xf32>)
      outs(%i : tensor<1x128x1x14x14xf32>) -> tensor<1x128x1x14x14xf32>
  %p = tensor.pad %y low[0, 0, 0, 1, 1] high[0, 0, 0, 1, 1] {
  ^bb0(%a: index, %b: index, %c: index, %d: index, %f: index):
    tensor.yield %zero : f32
  } : tensor<1x128x1x14x14xf32> to tensor<1x128x1x16x16xf32>
  %g = tensor.empty() : tensor<1x8x1x14x14xf32>
  %h = linalg.fill ins(%zero : f32) outs(%g : tensor<1x8x1x14x14xf32>) -> tensor<1x8x1x14x14xf32>
  %z = linalg.conv_3d_ncdhw_fcdhw ins(%p, %v : tensor<1x128x1x16x16xf32>, tensor<8x128x1x3x3xf32>)
      outs(%h : tensor<1x8x1x14x14xf32>) -> tensor<1x8x1x14x14xf32>
  return %z : tensor<1x8x1x14x14xf32>
}
