// RUN: %opt %s --passes=pack-kgs | filecheck %s

// Groups of 8x4: the 2 channels are padded to a block of 4 with zeros.
// CHECK: linalg.pack %arg0 padding_value(%{{.+}} : f32) inner_dims_pos = [1] inner_tiles = [4] {{.*}} -> tensor<1x1x1x1x7x4xf32>
// CHECK: group = array<i64: 8, 4>
// CHECK: linalg.unpack {{.*}} : tensor<1x1x1x1x3x4xf32> -> tensor<1x4x1x1x3xf32>

func.func @main(%x: tensor<1x2x1x1x7xf32>) -> tensor<1x4x1x1x3xf32> {
  %w = arith.constant dense<[
    [[[[1.0, 0.0]]], [[[2.0, 0.0]]]], [[[[3.0, 0.0]]], [[[4.0, 0.0]]]],
    [[[[0.0, 5.0]]], [[[0.0, 0.0]]]], [[[[0.0, 6.0]]], [[[0.0, 7.0]]]]]> : tensor<4x2x1x1x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x4x1x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<[1, 1, 2]> : vector<3xi64>, dilations = dense<[1, 1, 2]> : vector<3xi64>}
      ins(%x, %w : tensor<1x2x1x1x7xf32>, tensor<4x2x1x1x2xf32>)
      outs(%i : tensor<1x4x1x1x3xf32>) -> tensor<1x4x1x1x3xf32>
  return %y : tensor<1x4x1x1x3xf32>
}
