// RUN: %opt %s --passes=pack-kgs{group=16x4},block-layout,narrow-f16,schedule-vulkan{target=vulkan-nvidia} | filecheck %s

// f16 where subgroups multiply matrices: 32 positions x 16 filters a subgroup, for the layer is small, 8 taps a round; two
// halves of shared memory, for 32 positions x 5 entries of inputs and 2 x 16 x 4 vectors of weights. Sums are f32.
// CHECK: workgroup_size = [32, 1, 1]
// CHECK: hal.executable.source private @conv_0
// CHECK: memref.alloc() : memref<320xvector<4xf32>, #gpu.address_space<workgroup>>
// CHECK: memref.alloc() : memref<256xvector<4xf16>, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// CHECK: scf.for {{.*}} iter_args({{.*}} -> (!gpu.mma_matrix<16x16xf32, "COp">
// CHECK-COUNT-4: gpu.subgroup_mma_compute {{.*}} -> !gpu.mma_matrix<16x16xf32, "COp">
// CHECK-NOT: gpu.subgroup_mma_compute
// CHECK: gpu.barrier
// CHECK: scf.yield
// CHECK-COUNT-2: gpu.subgroup_mma_store_matrix
// CHECK: gpu.barrier
// CHECK: arith.truncf {{.*}} vector<4xf32> to vector<4xf16>
// CHECK-LABEL: func.func @main
// The weights of a filter lie together: [taps, filters, channels].
// CHECK: flow.dispatch @conv_0::@conv_0({{.*}} tensor<1x16x4xf16>, {{.*}}) -> tensor<1x4x1x1x98x4xf16>

func.func @main(%x: tensor<1x4x1x1x98xf32>) -> tensor<1x16x1x1x98xf32> {
  %w = arith.constant dense<2.0> : tensor<16x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x16x1x1x98xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16x1x1x98xf32>) -> tensor<1x16x1x1x98xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x98xf32>, tensor<16x4x1x1x1xf32>)
      outs(%i : tensor<1x16x1x1x98xf32>) -> tensor<1x16x1x1x98xf32>
  return %y : tensor<1x16x1x1x98xf32>
}
