// RUN: %opt %s --passes=pack-kgs{group=2x2} | filecheck %s

// Two rows of groups, one tap kept in each, at kw = 0 and kw = 1. A tap's weights are [channel, filter].
// CHECK-DAG: %[[P:.+]] = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
// CHECK-DAG: %[[T:.+]] = arith.constant dense<{{\[\[}}0, 0, 0, 0], [0, 0, 0, 1]]> : tensor<2x4xi32>
// CHECK-DAG: %[[W:.+]] = arith.constant dense<{{\[\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]], {{\[\[}}5.000000e+00, 6.000000e+00], [0.000000e+00, 7.000000e+00]]]> : tensor<2x2x2xf32>
// CHECK: %[[X:.+]] = linalg.pack %arg0 inner_dims_pos = [1] inner_tiles = [2] {{.*}} -> tensor<1x1x1x1x7x2xf32>
// CHECK: %[[Y:.+]] = linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]
// CHECK-SAME: outs(%{{.+}} : tensor<1x2x1x1x3x2xf32>)
// CHECK-SAME: packed_conv = {dilations = array<i64: 1, 1, 2>, group = array<i64: 2, 2>, ins = ["window"], layer = "conv_0", strides = array<i64: 1, 1, 2>}
// CHECK: tensor.extract %[[P]]{{.*}} {operand = "ptr"}
// CHECK: tensor.extract %[[P]]{{.*}} {operand = "ptr"}
// CHECK: arith.cmpi ult
// CHECK-COUNT-4: tensor.extract %[[T]]{{.*}} {operand = "taps"}
// CHECK: tensor.extract %[[X]]{{.*}} {operand = "x"}
// CHECK: tensor.extract %[[W]]{{.*}} {operand = "packed"}
// CHECK: arith.mulf
// CHECK: arith.select
// CHECK: arith.addf
// CHECK: linalg.unpack %[[Y]] inner_dims_pos = [1] inner_tiles = [2] {{.*}} -> tensor<1x4x1x1x3xf32>
// CHECK-NOT: linalg.conv_3d

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
