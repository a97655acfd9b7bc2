// RUN: %opt %s --passes=pack-kgs{group=6x4},block-layout,narrow-bf16 2>&1 | filecheck %s

// A row of 6 filters fills no instruction: the layer stays f32, and is named.
// CHECK: remark: narrow-bf16: conv_0: groups of 6x2 do not fill products of 4 filters; the layer stays f32
// CHECK: tensor<{{.*}}x6xf32>

func.func @main(%x: tensor<1x4x1x1x3xf32>) -> tensor<1x6x1x1x3xf32> {
  %w = arith.constant dense<3.0> : tensor<6x4x1x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x6x1x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x6x1x1x3xf32>) -> tensor<1x6x1x1x3xf32>
  %c = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x4x1x1x3xf32>, tensor<6x4x1x1x1xf32>)
      outs(%i : tensor<1x6x1x1x3xf32>) -> tensor<1x6x1x1x3xf32>
  return %c : tensor<1x6x1x1x3xf32>
}
