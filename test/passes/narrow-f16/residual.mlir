// RUN: %opt %s --passes=pack-kgs{group=4x4},block-layout,narrow-f16 2>&1 | filecheck %s

// A value with two users is stored as f16; what is computed from it is computed in f32.
// CHECK-NOT: remark
// CHECK: arith.truncf %arg0 : tensor<
// CHECK: %[[A:.+]] = linalg.generic {{.*}}packed_conv
// CHECK: %[[H:.+]] = linalg.generic {{.*}} ins(%[[A]] : tensor<1x1x1x1x3x4xf32>) outs(%{{.+}} : tensor<1x1x1x1x3x4xf16>)
// CHECK: %[[S:.+]] = linalg.generic {{.*}} ins(%[[H]], %[[H]] : tensor<1x1x1x1x3x4xf16>, tensor<1x1x1x1x3x4xf16>) outs(%{{.+}} : tensor<1x1x1x1x3x4xf16>)
// CHECK: arith.addf %{{.+}}, %{{.+}} : f32
// CHECK-NEXT: arith.truncf
// CHECK: linalg.generic {{.*}}packed_conv
// CHECK: tensor.extract %[[S]]
// CHECK-NOT: arith.truncf {{.*}} tensor
// CHECK-COUNT-1: arith.extf {{.*}} to tensor<1x4x1x1x3xf32>
// CHECK-NOT: {{arith.extf .*tensor}}

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%x: tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<4x4x1x1x1xf32>
  %v = arith.constant dense<3.0> : tensor<4x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x1x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x3xf32>, tensor<4x4x1x1x1xf32>)
      outs(%i : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %m = linalg.generic {indexing_maps = [#id, #id, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %c : tensor<1x4x1x1x3xf32>, tensor<1x4x1x1x3xf32>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %0 = arith.addf %a0, %a1 : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x1x1x3xf32>
  %d = linalg.conv_3d_ncdhw_fcdhw ins(%m, %v : tensor<1x4x1x1x3xf32>, tensor<4x4x1x1x1xf32>)
      outs(%i : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  return %d : tensor<1x4x1x1x3xf32>
}
