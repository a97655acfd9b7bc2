// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// Padding that does not count: 1 below and above along w, windows of 2, stride 2 over 3 columns: divisors 1, 2.
// CHECK-NOT: remark
// CHECK: %[[S:.+]] = arith.constant dense<{{\[\[\[}}1.000000e+00, 5.000000e-01]]]> : tensor<1x1x2xf32>
// CHECK-NOT: tensor.pad
// CHECK: linalg.generic {{.*}} ins(%{{.+}}, %[[S]] : tensor<1x1x2xf32>, tensor<1x1x2xf32>) outs(%{{.+}} : tensor<1x1x1x1x2x4xf32>) attrs = {avg_pool = {ins = ["window", "scale"], kernel = array<i64: 1, 1, 2>, low = array<i64: 0, 0, 1>, strides = array<i64: 1, 1, 2>}}
// CHECK: %[[V:.+]] = tensor.extract %arg0
// CHECK: %[[I:.+]] = arith.cmpi ult
// CHECK: arith.select %[[I]], %[[V]]
// CHECK: linalg.unpack

#id = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
func.func @main(%b: tensor<1x1x1x1x3x4xf32>) -> tensor<1x4x1x1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %c2 = arith.constant 2 : i64
  %c3 = arith.constant 3 : i64
  %xe = tensor.empty() : tensor<1x4x1x1x3xf32>
  %x = linalg.unpack %b inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x1x1x1x3x4xf32> -> tensor<1x4x1x1x3xf32>
  %p = tensor.pad %x low[0, 0, 0, 0, 1] high[0, 0, 0, 0, 1] {
  ^bb0(%a0: index, %a1: index, %a2: index, %a3: index, %a4: index):
    tensor.yield %zero : f32
  } : tensor<1x4x1x1x3xf32> to tensor<1x4x1x1x5xf32>
  %te = tensor.empty() : tensor<1x1x1x5x4xf32>
  %t = linalg.transpose ins(%p : tensor<1x4x1x1x5xf32>) outs(%te : tensor<1x1x1x5x4xf32>) permutation = [0, 2, 3, 4, 1]
  %w = tensor.empty() : tensor<1x1x2xf32>
  %se = tensor.empty() : tensor<1x1x1x2x4xf32>
  %si = linalg.fill ins(%zero : f32) outs(%se : tensor<1x1x1x2x4xf32>) -> tensor<1x1x1x2x4xf32>
  %s = linalg.pooling_ndhwc_sum {dilations = dense<1> : vector<3xi64>, strides = dense<[1, 1, 2]> : vector<3xi64>}
      ins(%t, %w : tensor<1x1x1x5x4xf32>, tensor<1x1x2xf32>) outs(%si : tensor<1x1x1x2x4xf32>) -> tensor<1x1x1x2x4xf32>
  %ye = tensor.empty() : tensor<1x4x1x1x2xf32>
  %y = linalg.transpose ins(%s : tensor<1x1x1x2x4xf32>) outs(%ye : tensor<1x4x1x1x2xf32>) permutation = [0, 4, 1, 2, 3]
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%y : tensor<1x4x1x1x2xf32>) outs(%ye : tensor<1x4x1x1x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = linalg.index 4 : index
    %1 = arith.index_cast %0 : index to i64
    %2 = arith.muli %1, %c2 : i64
    %3 = arith.subi %2, %c1 : i64
    %4 = arith.addi %2, %c1 : i64
    %5 = arith.minsi %4, %c3 : i64
    %6 = arith.maxsi %3, %c0 : i64
    %7 = arith.subi %5, %6 : i64
    %8 = arith.sitofp %7 : i64 to f32
    %9 = arith.divf %in, %8 : f32
    linalg.yield %9 : f32
  } -> tensor<1x4x1x1x2xf32>
  return %r : tensor<1x4x1x1x2xf32>
}
