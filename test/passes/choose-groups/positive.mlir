// RUN: %opt %s --passes=choose-groups{target=cortex-a76} | filecheck %s
// RUN: %opt %s --passes=choose-groups{target=cortex-a76},pack-kgs{group=8x4} | filecheck %s --check-prefix=PACKED

// Channels 1 and 6 of eight are left: groups of one channel keep two taps, those of four channels would keep both.
// CHECK: linalg.conv_3d_ncdhw_fcdhw {{.*}}kgs_group = {group = array<i64: 8, 1>}

// Taps count single channels; the input stays in blocks of four.
// PACKED-DAG: arith.constant dense<{{\[\[}}1, 0, 0, 0], [6, 0, 0, 0]]> : tensor<2x4xi32>
// PACKED: linalg.pack {{.*}} inner_tiles = [4] {{.*}} -> tensor<1x2x1x8x32x4xf32>
// PACKED: group = array<i64: 8, 1>
// PACKED: arith.divui
// PACKED: arith.remui

func.func @main(%x: tensor<1x8x1x8x32xf32>) -> tensor<1x8x1x8x32xf32> {
  %line = arith.constant dense<[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0]> : tensor<8xf32>
  %we = tensor.empty() : tensor<8x8x1x1x1xf32>
  %w = linalg.broadcast ins(%line : tensor<8xf32>) outs(%we : tensor<8x8x1x1x1xf32>) dimensions = [0, 2, 3, 4]
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x1x8x32xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x8x32xf32>) -> tensor<1x8x1x8x32xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%x, %w : tensor<1x8x1x8x32xf32>, tensor<8x8x1x1x1xf32>)
      outs(%i : tensor<1x8x1x8x32xf32>) -> tensor<1x8x1x8x32xf32>
  return %y : tensor<1x8x1x8x32xf32>
}
