// RUN: %unchanged > %t.before
// RUN: %opt %s --passes=trim-taps > %t.after 2>&1
// RUN: diff %t.before %t.after

// Without dilation all taps stay, though two of three along each axis read only padding.
func.func @plain(%x: tensor<1x1x1x1x1xf32>, %i: tensor<1x1x1x1x1xf32>) -> tensor<1x1x1x1x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<1x1x3x3x3xf32>
  %p = tensor.pad %x low[0, 0, 1, 1, 1] high[0, 0, 1, 1, 1] {
  ^bb0(%n: index, %c: index, %d: index, %h: index, %v: index):
    tensor.yield %zero : f32
  } : tensor<1x1x1x1x1xf32> to tensor<1x1x3x3x3xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<1> : vector<3xi64>}
      ins(%p, %w : tensor<1x1x3x3x3xf32>, tensor<1x1x3x3x3xf32>) outs(%i : tensor<1x1x1x1x1xf32>) -> tensor<1x1x1x1x1xf32>
  return %y : tensor<1x1x1x1x1xf32>
}

// The outer taps read the input at some output.
func.func @live(%x: tensor<1x1x1x1x3xf32>, %i: tensor<1x1x1x1x3xf32>) -> tensor<1x1x1x1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<1x1x1x1x3xf32>
  %p = tensor.pad %x low[0, 0, 0, 0, 2] high[0, 0, 0, 0, 2] {
  ^bb0(%n: index, %c: index, %d: index, %h: index, %v: index):
    tensor.yield %zero : f32
  } : tensor<1x1x1x1x3xf32> to tensor<1x1x1x1x7xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<[1, 1, 2]> : vector<3xi64>}
      ins(%p, %w : tensor<1x1x1x1x7xf32>, tensor<1x1x1x1x3xf32>) outs(%i : tensor<1x1x1x1x3xf32>) -> tensor<1x1x1x1x3xf32>
  return %y : tensor<1x1x1x1x3xf32>
}

// Padding by another number is read, and weights that are computed cannot be cut.
func.func @by_one(%x: tensor<1x1x1x1x1xf32>, %v: tensor<1x1x1x1x3xf32>, %i: tensor<1x1x1x1x1xf32>)
    -> (tensor<1x1x1x1x1xf32>, tensor<1x1x1x1x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %w = arith.constant dense<1.0> : tensor<1x1x1x1x3xf32>
  %p = tensor.pad %x low[0, 0, 0, 0, 4] high[0, 0, 0, 0, 4] {
  ^bb0(%n: index, %c: index, %d: index, %h: index, %k: index):
    tensor.yield %one : f32
  } : tensor<1x1x1x1x1xf32> to tensor<1x1x1x1x9xf32>
  %q = tensor.pad %x low[0, 0, 0, 0, 4] high[0, 0, 0, 0, 4] {
  ^bb0(%n: index, %c: index, %d: index, %h: index, %k: index):
    tensor.yield %zero : f32
  } : tensor<1x1x1x1x1xf32> to tensor<1x1x1x1x9xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<[1, 1, 4]> : vector<3xi64>}
      ins(%p, %w : tensor<1x1x1x1x9xf32>, tensor<1x1x1x1x3xf32>) outs(%i : tensor<1x1x1x1x1xf32>) -> tensor<1x1x1x1x1xf32>
  %z = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<[1, 1, 4]> : vector<3xi64>}
      ins(%q, %v : tensor<1x1x1x1x9xf32>, tensor<1x1x1x1x3xf32>) outs(%i : tensor<1x1x1x1x1xf32>) -> tensor<1x1x1x1x1xf32>
  return %y, %z : tensor<1x1x1x1x1xf32>, tensor<1x1x1x1x1xf32>
}
