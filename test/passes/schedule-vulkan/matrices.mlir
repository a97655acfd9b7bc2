// RUN: %opt %s --passes=pack-kgs{group=16x4},block-layout,narrow-f16,schedule-vulkan{target=vulkan-nvidia} | filecheck %s

// f16 where subgroups multiply matrices: 32 positions x 16 filters a subgroup, for the layer is small, 8 taps a round;
// shared memory for 32 positions x 5 entries of inputs and 16 filters x 5 of weights, for no one but the subgroup. Sums
// are f32.
// CHECK: workgroup_size = [32, 1, 1]
// CHECK: hal.executable.source private @conv_0
// CHECK: memref.alloc() : memref<160xvector<4xf32>, #gpu.address_space<workgroup>>
// CHECK: memref.alloc() : memref<80xvector<4xf32>, #gpu.address_space<workgroup>>
// CHECK: scf.for {{.*}} iter_args({{.*}} -> (!gpu.mma_matrix<16x16xf32, "COp">
// CHECK: gpu.barrier {{.*}}scope <subgroup>
// CHECK-COUNT-4: gpu.subgroup_mma_compute {{.*}} -> !gpu.mma_matrix<16x16xf32, "COp">
// CHECK-NOT: gpu.subgroup_mma_compute
// CHECK: gpu.barrier {{.*}}scope <subgroup>
// CHECK: scf.yield
// CHECK-COUNT-2: gpu.subgroup_mma_store_matrix
// CHECK: gpu.barrier {{.*}}scope <subgroup>
// CHECK: arith.truncf {{.*}} vector<4xf32> to vector<4xf16>
// CHECK-LABEL: func.func @main
// The weights of a filter's 8 taps lie together, two f16 as an f32; the one tap's round, and one of zeros.
// CHECK: flow.dispatch @conv_0::@conv_0({{.*}} tensor<2x16x8x2xf32>, {{.*}}) -> tensor<1x4x1x1x98x4xf16>

func.func @main(%x: tensor<1x4x1x1x98xf32>) -> tensor<1x16x1x1x98xf32> {
  %w = arith.constant dense<2.0> : tensor<16x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x16x1x1x98xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16x1x1x98xf32>) -> tensor<1x16x1x1x98xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x98xf32>, tensor<16x4x1x1x1xf32>)
      outs(%i : tensor<1x16x1x1x98xf32>) -> tensor<1x16x1x1x98xf32>
  return %y : tensor<1x16x1x1x98xf32>
}
