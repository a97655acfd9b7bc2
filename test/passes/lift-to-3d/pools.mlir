// RUN: %opt %s --passes=lift-to-3d | filecheck %s

// Both pools in the form torch-mlir gives the 3D ones: a generic over a window, and a sum in NDHWC.
// CHECK: #[[READ:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2 + d5, d3 * 2 + d6, d4 * 2 + d7 * 3)>
// CHECK-LABEL: @max
// CHECK: %[[P:.+]] = tensor.pad {{.*}} low[0, 0, 0, 1, 1] high[0, 0, 0, 1, 1]
// CHECK: tensor.yield %[[INF:.+]] : f32
// CHECK: linalg.generic {indexing_maps = [#[[READ]], {{.*}} ins(%[[P]], %{{.+}} : tensor<1x2x1x8x8xf32>, tensor<1x3x2xf32>) outs({{.*}} : tensor<1x2x1x3x3xf32>)
// CHECK: arith.maximumf
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x2x1x3x3xf32> into tensor<1x2x3x3xf32>
// CHECK-LABEL: @average
// CHECK: linalg.transpose {{.*}} permutation = [0, 2, 3, 4, 1]
// CHECK: linalg.pooling_ndhwc_sum {dilations = dense<1> : tensor<3xi64>, strides = dense<[1, 2, 3]> : tensor<3xi64>} ins({{.*}} : tensor<1x1x6x6x2xf32>, tensor<1x2x3xf32>) outs({{.*}} : tensor<1x1x3x2x2xf32>)
// CHECK: linalg.transpose {{.*}} permutation = [0, 4, 1, 2, 3]
// CHECK: linalg.generic {{.*}} : tensor<1x2x1x3x2xf32>
// CHECK: arith.divf
// CHECK: tensor.collapse_shape
// CHECK-NOT: pooling_nchw

func.func @max(%x: tensor<1x2x6x6xf32>) -> tensor<1x2x3x3xf32> {
  %inf = arith.constant 0xFF800000 : f32
  %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %inf : f32
  } : tensor<1x2x6x6xf32> to tensor<1x2x8x8xf32>
  %e = tensor.empty() : tensor<1x2x3x3xf32>
  %i = linalg.fill ins(%inf : f32) outs(%e : tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  %w = tensor.empty() : tensor<3x2xf32>
  %y = linalg.pooling_nchw_max {dilations = dense<[1, 3]> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%p, %w : tensor<1x2x8x8xf32>, tensor<3x2xf32>) outs(%i : tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %y : tensor<1x2x3x3xf32>
}

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
func.func @average(%x: tensor<1x2x6x6xf32>) -> tensor<1x2x3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %six = arith.constant 6.0 : f32
  %e = tensor.empty() : tensor<1x2x3x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x3x2xf32>) -> tensor<1x2x3x2xf32>
  %w = tensor.empty() : tensor<2x3xf32>
  %y = linalg.pooling_nchw_sum {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 3]> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x6x6xf32>, tensor<2x3xf32>) outs(%i : tensor<1x2x3x2xf32>) -> tensor<1x2x3x2xf32>
  %m = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%y : tensor<1x2x3x2xf32>) outs(%e : tensor<1x2x3x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.divf %a, %six : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x3x2xf32>
  return %m : tensor<1x2x3x2xf32>
}
