// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=trim-windows > %t.after 2>&1
// RUN: diff %t.before %t.after

// A window that reads all, several positions, and a dilation, which is no loop of its own: IREE compiles all of them.

func.func @all(%x: tensor<1x4x3x3xf32>, %w: tensor<8x4x3x3xf32>, %i: tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32> {
  %y = linalg.conv_2d_nchw_fchw {strides = dense<2> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x3x3xf32>, tensor<8x4x3x3xf32>) outs(%i : tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32>
  return %y : tensor<1x8x1x1xf32>
}
func.func @several(%x: tensor<1x4x6x5xf32>, %w: tensor<8x4x3x1xf32>, %i: tensor<1x8x2x2xf32>) -> tensor<1x8x2x2xf32> {
  %y = linalg.conv_2d_nchw_fchw {strides = dense<[2, 3]> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x6x5xf32>, tensor<8x4x3x1xf32>) outs(%i : tensor<1x8x2x2xf32>) -> tensor<1x8x2x2xf32>
  return %y : tensor<1x8x2x2xf32>
}
func.func @dilated(%x: tensor<1x4x6x6xf32>, %w: tensor<8x4x2x2xf32>, %i: tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32> {
  %y = linalg.conv_2d_nchw_fchw {strides = dense<4> : vector<2xi64>, dilations = dense<3> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x6x6xf32>, tensor<8x4x2x2xf32>) outs(%i : tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32>
  return %y : tensor<1x8x1x1xf32>
}

// A shape that is not known, and a fill, which has no axes to read.
func.func @dynamic(%x: tensor<1x4x?x3xf32>, %w: tensor<8x4x2x3xf32>, %e: tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32> {
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32>
  %y = linalg.conv_2d_nchw_fchw {strides = dense<2> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x4x?x3xf32>, tensor<8x4x2x3xf32>) outs(%i : tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32>
  return %y : tensor<1x8x1x1xf32>
}
