// RUN: %opt %s --passes=pack-kgs{group=16x4},block-layout,schedule-vulkan{target=vulkan-nvidia} | filecheck %s --check-prefixes=CHECK,WIDE
// RUN: %opt %s --passes=pack-kgs{group=8x4},block-layout,schedule-vulkan{target=vulkan-adreno} | filecheck %s --check-prefixes=CHECK,NARROW

// f32: a thread's sums stay in registers, vectors of 4 filters; weights of a round of taps go through shared memory.
// CHECK: hal.executable.source private @conv_0
// CHECK: memref.alloc() : memref<{{.*}}xvector<4xf32>, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// Two positions a thread, 16 filters, or half of 8, and the offsets of 2 taps of the next round.
// WIDE: scf.for {{.*}} -> ([[F:vector<4xf32>]], [[F]], [[F]], [[F]], [[F]], [[F]], [[F]], [[F]], i32, i32)
// NARROW: scf.for {{.*}} -> ([[F:vector<4xf32>]], [[F]], i32, i32)
// CHECK: math.fma {{.*}} : vector<4xf32>
// CHECK: gpu.barrier
// CHECK: scf.yield
// CHECK-LABEL: func.func @main
// WIDE: flow.dispatch @conv_0::@conv_0({{.*}} tensor<1x4x16xf32>, {{.*}}) -> tensor<1x4x1x1x98x4xf32>
// NARROW: flow.dispatch @conv_0::@conv_0({{.*}} tensor<2x4x8xf32>, {{.*}}) -> tensor<1x4x1x1x98x4xf32>

func.func @main(%x: tensor<1x4x1x1x98xf32>) -> tensor<1x16x1x1x98xf32> {
  %w = arith.constant dense<2.0> : tensor<16x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x16x1x1x98xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16x1x1x98xf32>) -> tensor<1x16x1x1x98xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x98xf32>, tensor<16x4x1x1x1xf32>)
      outs(%i : tensor<1x16x1x1x98xf32>) -> tensor<1x16x1x1x98xf32>
  return %y : tensor<1x16x1x1x98xf32>
}
