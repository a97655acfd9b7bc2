// RUN: %opt %s --passes=fold-mask 2>&1 | filecheck %s

// CHECK: remark: fold-mask: conv: its weights are not a constant expression
// CHECK: linalg.conv_3d_ncdhw_fcdhw ins(%arg0, %arg1

func.func @main(%x: tensor<1x2x1x1x3xf32>, %w: tensor<2x2x1x1x1xf32>, %init: tensor<1x2x1x1x3xf32>)
    -> tensor<1x2x1x1x3xf32> {
  %y = linalg.conv_3d_ncdhw_fcdhw ins(%x, %w : tensor<1x2x1x1x3xf32>, tensor<2x2x1x1x1xf32>)
      outs(%init : tensor<1x2x1x1x3xf32>) -> tensor<1x2x1x1x3xf32>
  return %y : tensor<1x2x1x1x3xf32>
}
