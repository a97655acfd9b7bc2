// RUN: %opt %s > %t.before
// RUN: %opt %s --passes=fold-mask > %t.after 2>&1
// RUN: diff %t.before %t.after

// Weights that are one constant already: nothing changes, nothing is said.

func.func @main(%x: tensor<1x2x1x1x3xf32>, %init: tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32> {
  %w = arith.constant dense<2.0> : tensor<2x2x1x1x1xf32>
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x2x1x1x3xf32>, tensor<2x2x1x1x1xf32>)
      outs(%init : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
