// RUN: %opt %s --passes=lift-to-3d 2>&1 | filecheck %s

// Both 2D forms become the 3D one, of depth 1, and their weights constants of it.
// CHECK-NOT: remark
// CHECK-LABEL: func.func @groups
// CHECK-DAG: %[[W:.+]] = arith.constant dense<{{.*}}> : tensor<4x2x1x1x2xf32>
// CHECK-DAG: %[[X:.+]] = tensor.expand_shape %arg0 {{\[\[}}0], [1], [2, 3], [4]] {{.*}} into tensor<1x4x1x1x5xf32>
// CHECK-DAG: tensor.expand_shape %[[X]] {{\[\[}}0], [1, 2], [3], [4], [5]] {{.*}} into tensor<1x2x2x1x1x5xf32>
// CHECK-DAG: tensor.expand_shape %[[W]] {{\[\[}}0, 1], [2], [3], [4], [5]] {{.*}} into tensor<2x2x2x1x1x2xf32>
// CHECK: linalg.generic {{.*}}"reduction", "reduction", "reduction", "reduction"]
// CHECK: %[[Y:.+]] = tensor.collapse_shape %{{.+}} {{\[\[}}0], [1, 2], [3], [4], [5]] {{.*}} into tensor<1x4x1x1x4xf32>
// CHECK: tensor.collapse_shape %[[Y]] {{\[\[}}0], [1], [2, 3], [4]] {{.*}} into tensor<1x4x1x4xf32>
// CHECK-LABEL: func.func @depthwise
// CHECK-DAG: arith.constant dense<{{.*}}> : tensor<2x1x1x1x2xf32>
// CHECK-DAG: tensor.expand_shape %{{.+}} into tensor<1x2x1x1x1x5xf32>
// CHECK: linalg.generic {{.*}}"reduction", "reduction", "reduction", "reduction"]
// CHECK-NOT: linalg.depthwise_conv

func.func @groups(%x: tensor<1x4x1x5xf32>) -> tensor<1x4x1x4xf32> {
  %w = arith.constant dense<2.0> : tensor<4x2x1x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x2x1x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x2x1x4xf32>) -> tensor<1x2x2x1x4xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 1, 5] : tensor<1x4x1x5xf32> into tensor<1x2x2x1x5xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4]] output_shape [2, 2, 2, 1, 2] : tensor<4x2x1x2xf32> into tensor<2x2x2x1x2xf32>
  %y = linalg.conv_2d_ngchw_gfchw {strides = dense<1> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%xg, %wg : tensor<1x2x2x1x5xf32>, tensor<2x2x2x1x2xf32>) outs(%i : tensor<1x2x2x1x4xf32>) -> tensor<1x2x2x1x4xf32>
  %r = tensor.collapse_shape %y [[0], [1, 2], [3], [4]] : tensor<1x2x2x1x4xf32> into tensor<1x4x1x4xf32>
  return %r : tensor<1x4x1x4xf32>
}
func.func @depthwise(%x: tensor<1x2x1x5xf32>, %i: tensor<1x2x1x2xf32>) -> tensor<1x2x1x2xf32> {
  %w = arith.constant dense<[[[1.0, 2.0]], [[3.0, 4.0]]]> : tensor<2x1x2xf32>
  %y = linalg.depthwise_conv_2d_nchw_chw {strides = dense<2> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x1x5xf32>, tensor<2x1x2xf32>) outs(%i : tensor<1x2x1x2xf32>) -> tensor<1x2x1x2xf32>
  return %y : tensor<1x2x1x2xf32>
}
// Two grouped convs with nothing between have no reshapes between: they get them back, once for both readers.
// CHECK-LABEL: func.func @chain
// CHECK: %[[A:.+]] = linalg.generic
// CHECK: %[[JOINED:.+]] = tensor.collapse_shape %[[A]] {{\[\[}}0], [1, 2], [3], [4], [5]]
// CHECK-NEXT: %[[SPLIT:.+]] = tensor.expand_shape %[[JOINED]] {{\[\[}}0], [1, 2], [3], [4], [5]]
// CHECK: linalg.generic {{.*}} ins(%[[SPLIT]],
// CHECK: return %{{.+}}, %[[JOINED]]
#in = affine_map<(n, g, m, d, h, w, c, i, j, k) -> (n, g, c, d + i, h + j, w + k)>
#by = affine_map<(n, g, m, d, h, w, c, i, j, k) -> (g, m, c, i, j, k)>
#to = affine_map<(n, g, m, d, h, w, c, i, j, k) -> (n, g, m, d, h, w)>
func.func @chain(%x: tensor<1x2x2x1x1x5xf32>, %w: tensor<2x2x2x1x1x1xf32>, %i: tensor<1x2x2x1x1x5xf32>)
    -> (tensor<1x4x1x1x5xf32>, tensor<1x4x1x1x5xf32>) {
  %a = linalg.generic {indexing_maps = [#in, #by, #to], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x2x2x1x1x5xf32>, tensor<2x2x2x1x1x1xf32>) outs(%i : tensor<1x2x2x1x1x5xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %t = arith.mulf %p, %q : f32
    %u = arith.addf %t, %s : f32
    linalg.yield %u : f32
  } -> tensor<1x2x2x1x1x5xf32>
  %b = linalg.generic {indexing_maps = [#in, #by, #to], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]}
      ins(%a, %w : tensor<1x2x2x1x1x5xf32>, tensor<2x2x2x1x1x1xf32>) outs(%i : tensor<1x2x2x1x1x5xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %t = arith.mulf %p, %q : f32
    %u = arith.addf %t, %s : f32
    linalg.yield %u : f32
  } -> tensor<1x2x2x1x1x5xf32>
  %y = tensor.collapse_shape %b [[0], [1, 2], [3], [4], [5]] : tensor<1x2x2x1x1x5xf32> into tensor<1x4x1x1x5xf32>
  %z = tensor.collapse_shape %a [[0], [1, 2], [3], [4], [5]] : tensor<1x2x2x1x1x5xf32> into tensor<1x4x1x1x5xf32>
  return %y, %z : tensor<1x4x1x1x5xf32>, tensor<1x4x1x1x5xf32>
}
// What follows a grouped conv may be one reshape with its own: a flatten, or a depth of one that goes.
// So may what is in front of it: input and weights get reshapes of their own.
// CHECK-LABEL: func.func @flattened
// CHECK: %[[WEIGHTS:.+]] = tensor.collapse_shape %arg1 {{\[\[}}0, 1], [2], [3], [4], [5]] {{.*}} into tensor<4x2x1x1x1xf32>
// CHECK-NEXT: tensor.expand_shape %[[WEIGHTS]] {{\[\[}}0, 1], [2], [3], [4], [5]] {{.*}} into tensor<2x2x2x1x1x1xf32>
// CHECK-NEXT: linalg.generic
// CHECK: %[[JOINED:.+]] = tensor.collapse_shape %{{.+}} {{\[\[}}0], [1, 2], [3], [4], [5]] {{.*}} into tensor<1x4x1x1x5xf32>
// CHECK-DAG: %[[FLAT:.+]] = tensor.collapse_shape %[[JOINED]] {{\[\[}}0], [1, 2, 3, 4]] {{.*}} into tensor<1x20xf32>
// CHECK-DAG: %[[PLANE:.+]] = tensor.collapse_shape %[[JOINED]] {{\[\[}}0], [1], [2, 3], [4]] {{.*}} into tensor<1x4x1x5xf32>
// CHECK: return %[[FLAT]], %[[PLANE]]
func.func @flattened(%x: tensor<1x2x2x1x1x5xf32>, %w: tensor<2x2x2x1x1x1xf32>, %i: tensor<1x2x2x1x1x5xf32>)
    -> (tensor<1x20xf32>, tensor<1x4x1x5xf32>) {
  %a = linalg.generic {indexing_maps = [#in, #by, #to], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x2x2x1x1x5xf32>, tensor<2x2x2x1x1x1xf32>) outs(%i : tensor<1x2x2x1x1x5xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %t = arith.mulf %p, %q : f32
    %u = arith.addf %t, %s : f32
    linalg.yield %u : f32
  } -> tensor<1x2x2x1x1x5xf32>
  %y = tensor.collapse_shape %a [[0], [1, 2, 3, 4, 5]] : tensor<1x2x2x1x1x5xf32> into tensor<1x20xf32>
  %z = tensor.collapse_shape %a [[0], [1, 2], [3, 4], [5]] : tensor<1x2x2x1x1x5xf32> into tensor<1x4x1x5xf32>
  return %y, %z : tensor<1x20xf32>, tensor<1x4x1x5xf32>
}
