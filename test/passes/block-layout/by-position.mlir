// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// A factor for each position that enters the net here, and a constant one for each position and channel.
// CHECK-DAG: #[[POSITION:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, 0, d2, d3, d4, 0)>
// CHECK: %[[P:.+]] = linalg.pack %arg1 {{.*}} -> tensor<1x1x1x1x3x4xf32>
// CHECK: linalg.generic {indexing_maps = [{{.*}}, #[[POSITION]], {{.*}} ins(%arg0, %{{.+}}, %[[P]]
// CHECK: arith.mulf
// CHECK: linalg.unpack
// CHECK-NOT: linalg.unpack

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#one = affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d2, d3, d4)>
func.func @main(%b: tensor<1x1x1x1x3x4xf32>, %p: tensor<1x1x1x1x3xf32>) -> tensor<1x4x1x1x3xf32> {
  %k = arith.constant dense<[[[[[1.0, 2.0, 3.0]]], [[[4.0, 5.0, 6.0]]], [[[7.0, 8.0, 9.0]]], [[[10.0, 11.0, 12.0]]]]]> : tensor<1x4x1x1x3xf32>
  %e = tensor.empty() : tensor<1x4x1x1x3xf32>
  %x = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x1x1x1x3x4xf32> -> tensor<1x4x1x1x3xf32>
  %m = linalg.generic {indexing_maps = [#id, #id, #one, #id],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %k, %p : tensor<1x4x1x1x3xf32>, tensor<1x4x1x1x3xf32>, tensor<1x1x1x1x3xf32>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32, %o: f32):
    %0 = arith.addf %a0, %a1 : f32
    %1 = arith.mulf %0, %a2 : f32
    linalg.yield %1 : f32
  } -> tensor<1x4x1x1x3xf32>
  return %m : tensor<1x4x1x1x3xf32>
}
