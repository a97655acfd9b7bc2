// RUN: %opt %s --passes=pack-kgs{group=5x3},block-layout,schedule-vulkan{target=vulkan-mali} 2>&1 | filecheck %s

// CHECK: remark: schedule-vulkan: {{.*}}: its channel blocks have 1 channels; GPU kernels take 4: prune in groups of 8x4 or 16x4
// CHECK-NOT: hal.executable.source private @conv_0

func.func @main(%x: tensor<1x3x1x1x8xf32>) -> tensor<1x3x1x1x8xf32> {
  %w = arith.constant dense<2.0> : tensor<3x3x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x3x1x1x8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x1x1x8xf32>) -> tensor<1x3x1x1x8xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x3x1x1x8xf32>, tensor<3x3x1x1x1xf32>)
      outs(%i : tensor<1x3x1x1x8xf32>) -> tensor<1x3x1x1x8xf32>
  return %y : tensor<1x3x1x1x8xf32>
}
