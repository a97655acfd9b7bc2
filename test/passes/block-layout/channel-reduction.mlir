// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// The maximum over 6 channels in two blocks, and the difference of all of them from it. The two missing channels do not
// count, and hold zero behind the difference, for what 0 differs from the maximum by is not known.
// CHECK-DAG: #[[POSITION:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, 0, d2, d3, d4, 0)>
// CHECK-NOT: linalg.unpack
// CHECK: linalg.generic {{.*}}channel_reduction = {channels = array<i64: 6>, ins = ["window"], kind = "max"}
// CHECK: tensor.extract %arg0{{.*}} {operand = "x"}
// CHECK: arith.maximumf
// CHECK: linalg.generic {indexing_maps = [{{.*}}, #[[POSITION]], {{.*}} ins(%arg0, {{.*}}tensor<1x2x1x1x2x4xf32>, tensor<1x1x1x1x2x4xf32>, tensor<2x4xf32>)
// CHECK: arith.subf
// CHECK: arith.select
// CHECK: linalg.unpack

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#one = affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d2, d3, d4)>
func.func @main(%b: tensor<1x2x1x1x2x4xf32>) -> tensor<1x6x1x1x2xf32> {
  %low = arith.constant 0xFF800000 : f32
  %xe = tensor.empty() : tensor<1x6x1x1x2xf32>
  %x = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x2x1x1x2x4xf32> -> tensor<1x6x1x1x2xf32>
  %e = tensor.empty() : tensor<1x1x1x1x2xf32>
  %i = linalg.fill ins(%low : f32) outs(%e : tensor<1x1x1x1x2xf32>) -> tensor<1x1x1x1x2xf32>
  %m = linalg.generic {indexing_maps = [#id, #one], iterator_types = ["parallel", "reduction", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x6x1x1x2xf32>) outs(%i : tensor<1x1x1x1x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.maximumf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<1x1x1x1x2xf32>
  %y = linalg.generic {indexing_maps = [#id, #one, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %m : tensor<1x6x1x1x2xf32>, tensor<1x1x1x1x2xf32>) outs(%xe : tensor<1x6x1x1x2xf32>) {
  ^bb0(%in: f32, %most: f32, %out: f32):
    %0 = arith.subf %in, %most : f32
    linalg.yield %0 : f32
  } -> tensor<1x6x1x1x2xf32>
  return %y : tensor<1x6x1x1x2xf32>
}
