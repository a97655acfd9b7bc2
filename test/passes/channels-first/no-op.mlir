// RUN: %opt %s --passes=channels-first | filecheck %s

// A sum with what is in channels-last order for its own sake, a constant by position, a transpose of other axes, and a
// body that reads its position: all stay as they are.
// CHECK-LABEL: @plain
// CHECK: linalg.transpose
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<1x3x2x2xf32>)
// CHECK-LABEL: @by_position
// CHECK: linalg.transpose
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<1x3x2x2xf32>)
// CHECK-LABEL: @others
// CHECK: permutation = [0, 2, 1, 3]
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<1x3x2x2xf32>)
// CHECK-LABEL: @index
// CHECK: linalg.transpose
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<1x3x2x2xf32>)

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#row = affine_map<(d0, d1, d2, d3) -> (d1)>
func.func @plain(%x: tensor<1x2x3x2xf32>, %y: tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32> {
  %te = tensor.empty() : tensor<1x3x2x2xf32>
  %t = linalg.transpose ins(%x : tensor<1x2x3x2xf32>) outs(%te : tensor<1x3x2x2xf32>) permutation = [0, 2, 3, 1]
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t, %y : tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) outs(%te : tensor<1x3x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x2x2xf32>
  return %r : tensor<1x3x2x2xf32>
}

func.func @by_position(%x: tensor<1x2x3x2xf32>) -> tensor<1x3x2x2xf32> {
  %k = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %te = tensor.empty() : tensor<1x3x2x2xf32>
  %t = linalg.transpose ins(%x : tensor<1x2x3x2xf32>) outs(%te : tensor<1x3x2x2xf32>) permutation = [0, 2, 3, 1]
  %r = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t, %k : tensor<1x3x2x2xf32>, tensor<3xf32>) outs(%te : tensor<1x3x2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x2x2xf32>
  return %r : tensor<1x3x2x2xf32>
}

func.func @others(%x: tensor<1x2x3x2xf32>) -> tensor<1x3x2x2xf32> {
  %te = tensor.empty() : tensor<1x3x2x2xf32>
  %t = linalg.transpose ins(%x : tensor<1x2x3x2xf32>) outs(%te : tensor<1x3x2x2xf32>) permutation = [0, 2, 1, 3]
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t : tensor<1x3x2x2xf32>) outs(%te : tensor<1x3x2x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x2x2xf32>
  return %r : tensor<1x3x2x2xf32>
}

func.func @index(%x: tensor<1x2x3x2xf32>) -> tensor<1x3x2x2xf32> {
  %te = tensor.empty() : tensor<1x3x2x2xf32>
  %t = linalg.transpose ins(%x : tensor<1x2x3x2xf32>) outs(%te : tensor<1x3x2x2xf32>) permutation = [0, 2, 3, 1]
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t : tensor<1x3x2x2xf32>) outs(%te : tensor<1x3x2x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 3 : index
    %j = arith.index_cast %i : index to i32
    %f = arith.sitofp %j : i32 to f32
    %0 = arith.addf %a, %f : f32
    linalg.yield %0 : f32
  } -> tensor<1x3x2x2xf32>
  return %r : tensor<1x3x2x2xf32>
}
