// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// A gate per channel, a number, a mask and an argument that is not packed yet.
// CHECK-DAG: #[[ID:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d4, d5)>
// CHECK-DAG: #[[GATE:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, 0, 0, 0, d5)>
// CHECK-NOT: linalg.unpack
// CHECK: %[[P:.+]] = linalg.pack %arg2 {{.*}} -> tensor<1x2x1x1x3x4xf32>
// CHECK: linalg.generic {indexing_maps = [#[[ID]], #[[GATE]], #[[ID]], #[[ID]]]{{.*}} ins(%arg0, %arg1, %[[P]] : tensor<1x2x1x1x3x4xf32>, tensor<1x2x1x1x1x4xf32>, tensor<1x2x1x1x3x4xf32>)
// CHECK: %[[M:.+]] = arith.cmpf ogt, %{{.+}}, %{{.+}}
// CHECK: arith.select %[[M]]
// CHECK: linalg.unpack
// CHECK-NOT: linalg.{{(un)?pack}}

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%b: tensor<1x2x1x1x3x4xf32>, %g: tensor<1x2x1x1x1x4xf32>, %r: tensor<1x8x1x1x3xf32>) -> tensor<1x8x1x1x3xf32> {
  %six = arith.constant dense<6.0> : tensor<f32>
  %zero = arith.constant 0.0 : f32
  %xe = tensor.empty() : tensor<1x8x1x1x3xf32>
  %x = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x2x1x1x3x4xf32> -> tensor<1x8x1x1x3xf32>
  %se = tensor.empty() : tensor<1x8x1x1x1xf32>
  %s = linalg.unpack %g inner_dims_pos = [1] inner_tiles = [4] into %se : tensor<1x2x1x1x1x4xf32> -> tensor<1x8x1x1x1xf32>
  %me = tensor.empty() : tensor<1x8x1x1x3xi1>
  %m = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x8x1x1x3xf32>) outs(%me : tensor<1x8x1x1x3xi1>) {
  ^bb0(%in: f32, %out: i1):
    %0 = arith.cmpf ogt, %in, %zero : f32
    linalg.yield %0 : i1
  } -> tensor<1x8x1x1x3xi1>
  %y = linalg.generic {indexing_maps = [#id, #id, affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, 0, 0, 0)>, affine_map<(d0, d1, d2, d3, d4) -> ()>, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%m, %x, %s, %six, %r : tensor<1x8x1x1x3xi1>, tensor<1x8x1x1x3xf32>, tensor<1x8x1x1x1xf32>, tensor<f32>, tensor<1x8x1x1x3xf32>) outs(%xe : tensor<1x8x1x1x3xf32>) {
  ^bb0(%k: i1, %in: f32, %gate: f32, %number: f32, %residual: f32, %out: f32):
    %0 = arith.mulf %in, %gate : f32
    %1 = arith.divf %0, %number : f32
    %2 = arith.addf %1, %residual : f32
    %3 = arith.select %k, %2, %in : f32
    linalg.yield %3 : f32
  } -> tensor<1x8x1x1x3xf32>
  return %y : tensor<1x8x1x1x3xf32>
}
