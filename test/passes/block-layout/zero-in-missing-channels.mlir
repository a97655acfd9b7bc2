// RUN: %opt %s --passes=pack-kgs{group=4x4},block-layout 2>&1 | filecheck %s

// 6 channels in 2 blocks of 4: 1 / 0 in the 2 missing ones would be infinite, and infinity * 0 in the next conv NaN. Zero
// is written there.
// CHECK-NOT: remark
// CHECK: linalg.generic {{.*}} ins({{.*}}tensor<1x2x1x1x3x4xf32>, tensor<2x4xf32>)
// CHECK: arith.divf
// CHECK: arith.cmpf one
// CHECK: arith.select
// CHECK: } -> tensor<1x2x1x1x3x4xf32>
// CHECK-NOT: linalg.pack

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<6x4x1x1x1xf32>
  %v = arith.constant dense<3.0> : tensor<4x6x1x1x1xf32>
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x6x1x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x6x1x1x3xf32>) -> tensor<1x6x1x1x3xf32>
  %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x3xf32>, tensor<6x4x1x1x1xf32>)
      outs(%i : tensor<1x6x1x1x3xf32>) -> tensor<1x6x1x1x3xf32>
  %m = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<1x6x1x1x3xf32>) outs(%e : tensor<1x6x1x1x3xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %0 = arith.divf %one, %a0 : f32
    linalg.yield %0 : f32
  } -> tensor<1x6x1x1x3xf32>
  %f = tensor.empty() : tensor<1x4x1x1x3xf32>
  %j = linalg.fill ins(%zero : f32) outs(%f : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %d = linalg.conv_3d_ncdhw_fcdhw ins(%m, %v : tensor<1x6x1x1x3xf32>, tensor<4x6x1x1x1xf32>)
      outs(%j : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  return %d : tensor<1x4x1x1x3xf32>
}
