// RUN: %opt %s --passes=trim-taps | filecheck %s

// Two positions, taps 12 apart: only the middle tap reads one of them, and no padding is left.
// CHECK-LABEL: func.func @middle
// CHECK-NOT: tensor.pad
// CHECK: linalg.conv_3d_ncdhw_fcdhw {{.*}} ins(%arg0, %{{.+}} : tensor<1x2x2x2x2xf32>, tensor<2x2x1x1x1xf32>)
func.func @middle(%x: tensor<1x2x2x2x2xf32>, %i: tensor<1x2x2x2x2xf32>) -> tensor<1x2x2x2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<2.0> : tensor<2x2x3x3x3xf32>
  %p = tensor.pad %x low[0, 0, 12, 12, 12] high[0, 0, 12, 12, 12] {
  ^bb0(%n: index, %c: index, %d: index, %h: index, %v: index):
    tensor.yield %zero : f32
  } : tensor<1x2x2x2x2xf32> to tensor<1x2x26x26x26xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<12> : vector<3xi64>}
      ins(%p, %w : tensor<1x2x26x26x26xf32>, tensor<2x2x3x3x3xf32>) outs(%i : tensor<1x2x2x2x2xf32>) -> tensor<1x2x2x2x2xf32>
  return %y : tensor<1x2x2x2x2xf32>
}

// Taps 1 to 3 of 5 along w, by -2, 0 and 2: tap 0 is 4 before the first of three positions, tap 4 behind the last one.
// Along h, where nothing is dilated, all taps stay.
// CHECK-LABEL: func.func @one_axis
// CHECK: arith.constant dense<{{\[\[\[\[\[}}2.000000e+00, 3.000000e+00, 4.000000e+00]]]]]> : tensor<1x1x1x1x3xf32>
// CHECK: tensor.pad %arg0 low[0, 0, 0, 0, 2] high[0, 0, 0, 0, 2]
// CHECK: linalg.conv_3d_ncdhw_fcdhw {{.*}} tensor<1x1x1x1x7xf32>, tensor<1x1x1x1x3xf32>
func.func @one_axis(%x: tensor<1x1x1x1x3xf32>, %i: tensor<1x1x1x1x3xf32>) -> tensor<1x1x1x1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[[1.0, 2.0, 3.0, 4.0, 5.0]]]]]> : tensor<1x1x1x1x5xf32>
  %p = tensor.pad %x low[0, 0, 0, 0, 4] high[0, 0, 0, 0, 4] {
  ^bb0(%n: index, %c: index, %d: index, %h: index, %v: index):
    tensor.yield %zero : f32
  } : tensor<1x1x1x1x3xf32> to tensor<1x1x1x1x11xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<[1, 1, 2]> : vector<3xi64>}
      ins(%p, %w : tensor<1x1x1x1x11xf32>, tensor<1x1x1x1x5xf32>) outs(%i : tensor<1x1x1x1x3xf32>) -> tensor<1x1x1x1x3xf32>
  return %y : tensor<1x1x1x1x3xf32>
}

// Outputs read -3, -1, 1 and -2, 0, 2: only the middle tap meets the one position there is, from the second output.
// CHECK-LABEL: func.func @odd_padding
// CHECK: tensor.pad %arg0 low[0, 0, 0, 0, 1] high[0, 0, 0, 0, 0]
// CHECK: linalg.conv_3d_ncdhw_fcdhw {{.*}} tensor<1x1x1x1x2xf32>, tensor<1x1x1x1x1xf32>
func.func @odd_padding(%x: tensor<1x1x1x1x1xf32>, %i: tensor<1x1x1x1x2xf32>) -> tensor<1x1x1x1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[[1.0, 2.0, 3.0]]]]]> : tensor<1x1x1x1x3xf32>
  %p = tensor.pad %x low[0, 0, 0, 0, 3] high[0, 0, 0, 0, 2] {
  ^bb0(%n: index, %c: index, %d: index, %h: index, %v: index):
    tensor.yield %zero : f32
  } : tensor<1x1x1x1x1xf32> to tensor<1x1x1x1x6xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw {strides = dense<1> : vector<3xi64>, dilations = dense<[1, 1, 2]> : vector<3xi64>}
      ins(%p, %w : tensor<1x1x1x1x6xf32>, tensor<1x1x1x1x3xf32>) outs(%i : tensor<1x1x1x1x2xf32>) -> tensor<1x1x1x1x2xf32>
  return %y : tensor<1x1x1x1x2xf32>
}
