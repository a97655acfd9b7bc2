// RUN: %opt %s --passes=pack-kgs,block-layout,place-activations,schedule-cpu{target=cortex-a76} | filecheck %s
// RUN: %opt %s --passes=pack-kgs,block-layout,place-activations,schedule-vulkan | filecheck %s

// Parts of each channel block, then both means and variances in one tensor, of which each reader gets its half.
// CHECK-DAG: hal.executable.source private @norm_parts
// CHECK-DAG: hal.executable.source private @norm_moments
// CHECK: func.func @main
// CHECK: %[[Y:.+]] = flow.dispatch @conv_{{.*}}(tensor<1x1x2x2x2x4xf32>
// CHECK: %[[P:.+]] = flow.dispatch @norm_parts::@norm_parts(%[[Y]]) : (tensor<1x2x2x2x2x4xf32>) -> tensor<1x2x{{[0-9]+}}x2x4xf32>
// CHECK: %[[B:.+]] = flow.dispatch @norm_moments::@norm_moments(%[[P]]) : {{.*}} -> tensor<1x4x1x1x1x4xf32>
// CHECK: flow.dispatch @elementwise{{.*}}(%[[Y]], %[[B]]
// CHECK-NOT: linalg.generic

#map = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d4, d5)>
#map1 = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, 0, 0, 0, 0)>
#map2 = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d3, d4, d5)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, 0, 0, 0)>
module {
  func.func @main(%arg0: tensor<1x4x2x2x2xf32>) -> tensor<1x8x2x2x2xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<1.0> : tensor<8x8x1x1x1xf32>
    %cst_1 = arith.constant dense<1.0> : tensor<8x4x1x1x1xf32>
    %cst_2 = arith.constant 3.200000e+01 : f32
    %0 = tensor.empty() : tensor<1x8x2x2x2xf32>
    %1 = linalg.fill ins(%cst : f32) outs(%0 : tensor<1x8x2x2x2xf32>) -> tensor<1x8x2x2x2xf32>
    %2 = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<1> : vector<3xi64>, strides = dense<1> : vector<3xi64>} ins(%arg0, %cst_1 : tensor<1x4x2x2x2xf32>, tensor<8x4x1x1x1xf32>) outs(%1 : tensor<1x8x2x2x2xf32>) -> tensor<1x8x2x2x2xf32>
    %expanded = tensor.expand_shape %2 [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 4, 2, 2, 2] : tensor<1x8x2x2x2xf32> into tensor<1x2x4x2x2x2xf32>
    %3 = tensor.empty() : tensor<1x2x1x1x1x1xf32>
    %4 = linalg.fill ins(%cst : f32) outs(%3 : tensor<1x2x1x1x1x1xf32>) -> tensor<1x2x1x1x1x1xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]} ins(%expanded : tensor<1x2x4x2x2x2xf32>) outs(%4 : tensor<1x2x1x1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %16 = arith.addf %in, %out : f32
      linalg.yield %16 : f32
    } -> tensor<1x2x1x1x1x1xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x2x1x1x1x1xf32>) outs(%3 : tensor<1x2x1x1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %16 = arith.divf %in, %cst_2 : f32
      linalg.yield %16 : f32
    } -> tensor<1x2x1x1x1x1xf32>
    %7 = tensor.empty() : tensor<1x2x4x1x1x1xf32>
    %collapsed = tensor.collapse_shape %6 [[0], [1, 2], [3], [4], [5]] : tensor<1x2x1x1x1x1xf32> into tensor<1x2x1x1x1xf32>
    %8 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%collapsed : tensor<1x2x1x1x1xf32>) outs(%7 : tensor<1x2x4x1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x2x4x1x1x1xf32>
    %collapsed_3 = tensor.collapse_shape %8 [[0], [1, 2], [3], [4], [5]] : tensor<1x2x4x1x1x1xf32> into tensor<1x8x1x1x1xf32>
    %9 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%2, %collapsed_3 : tensor<1x8x2x2x2xf32>, tensor<1x8x1x1x1xf32>) outs(%0 : tensor<1x8x2x2x2xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %16 = arith.subf %in, %in_7 : f32
      linalg.yield %16 : f32
    } -> tensor<1x8x2x2x2xf32>
    %10 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%9, %9 : tensor<1x8x2x2x2xf32>, tensor<1x8x2x2x2xf32>) outs(%0 : tensor<1x8x2x2x2xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %16 = arith.mulf %in, %in_7 : f32
      linalg.yield %16 : f32
    } -> tensor<1x8x2x2x2xf32>
    %expanded_4 = tensor.expand_shape %10 [[0], [1, 2], [3], [4], [5]] output_shape [1, 2, 4, 2, 2, 2] : tensor<1x8x2x2x2xf32> into tensor<1x2x4x2x2x2xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]} ins(%expanded_4 : tensor<1x2x4x2x2x2xf32>) outs(%4 : tensor<1x2x1x1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %16 = arith.addf %in, %out : f32
      linalg.yield %16 : f32
    } -> tensor<1x2x1x1x1x1xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%11 : tensor<1x2x1x1x1x1xf32>) outs(%3 : tensor<1x2x1x1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %16 = arith.divf %in, %cst_2 : f32
      linalg.yield %16 : f32
    } -> tensor<1x2x1x1x1x1xf32>
    %collapsed_5 = tensor.collapse_shape %12 [[0], [1, 2], [3], [4], [5]] : tensor<1x2x1x1x1x1xf32> into tensor<1x2x1x1x1xf32>
    %13 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_5 : tensor<1x2x1x1x1xf32>) outs(%7 : tensor<1x2x4x1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x2x4x1x1x1xf32>
    %collapsed_6 = tensor.collapse_shape %13 [[0], [1, 2], [3], [4], [5]] : tensor<1x2x4x1x1x1xf32> into tensor<1x8x1x1x1xf32>
    %14 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%9, %collapsed_6 : tensor<1x8x2x2x2xf32>, tensor<1x8x1x1x1xf32>) outs(%0 : tensor<1x8x2x2x2xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %16 = arith.mulf %in, %in_7 : f32
      linalg.yield %16 : f32
    } -> tensor<1x8x2x2x2xf32>
    %15 = linalg.conv_3d_ncdhw_fcdhw {dilations = dense<1> : vector<3xi64>, strides = dense<1> : vector<3xi64>} ins(%14, %cst_0 : tensor<1x8x2x2x2xf32>, tensor<8x8x1x1x1xf32>) outs(%1 : tensor<1x8x2x2x2xf32>) -> tensor<1x8x2x2x2xf32>
    return %15 : tensor<1x8x2x2x2xf32>
  }
}

