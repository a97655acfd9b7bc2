// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// a + (b - a) * t of two columns, t by position, once in one body and once by tensors of its own; its opposite is
// left out where t is 0.
// CHECK-NOT: remark
// CHECK-DAG: %[[AT:.+]] = arith.constant dense<{{\[\[}}0, 1], [1, 2], [2, -1]]> : tensor<3x2xi32>
// CHECK-DAG: %[[BY:.+]] = arith.constant dense<{{\[\[}}7.500000e-01, 2.500000e-01], [5.000000e-01, 5.000000e-01], [1.000000e+00, 0.000000e+00]]> : tensor<3x2xf32>
// CHECK-COUNT-2: linalg.generic {{.*}} ins(%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %[[AT]], %[[BY]] : {{.*}} attrs = {resample =
// CHECK-NOT: linalg.generic

#id = affine_map<(n, c, d, h, w) -> (n, c, d, h, w)>
#w = affine_map<(n, c, d, h, w) -> (w)>
func.func @main(%a: tensor<1x1x1x1x4x4xf32>) -> (tensor<1x4x1x1x3xf32>, tensor<1x4x1x1x3xf32>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1 : index
  %t = arith.constant dense<[0.25, 0.5, 0.0]> : tensor<3xf32>
  %next = arith.constant dense<[1, 2, 3]> : tensor<3xi64>
  %xe = tensor.empty() : tensor<1x4x1x1x4xf32>
  %x = linalg.unpack %a inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x1x1x1x4x4xf32> -> tensor<1x4x1x1x4xf32>
  %e = tensor.empty() : tensor<1x4x1x1x3xf32>
  %y = linalg.generic {indexing_maps = [#w, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%t : tensor<3xf32>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%by: f32, %o: f32):
    %c = linalg.index 1 : index
    %w0 = linalg.index 4 : index
    %w1 = arith.addi %w0, %one : index
    %v0 = tensor.extract %x[%c0, %c, %c0, %c0, %w0] : tensor<1x4x1x1x4xf32>
    %v1 = tensor.extract %x[%c0, %c, %c0, %c0, %w1] : tensor<1x4x1x1x4xf32>
    %0 = arith.subf %v1, %v0 : f32
    %1 = arith.mulf %0, %by : f32
    %2 = arith.addf %v0, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<1x4x1x1x3xf32>
  %x0 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%o: f32):
    %c = linalg.index 1 : index
    %w0 = linalg.index 4 : index
    %v0 = tensor.extract %x[%c0, %c, %c0, %c0, %w0] : tensor<1x4x1x1x4xf32>
    linalg.yield %v0 : f32
  } -> tensor<1x4x1x1x3xf32>
  %x1 = linalg.generic {indexing_maps = [#w, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%next : tensor<3xi64>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%i: i64, %o: f32):
    %c = linalg.index 1 : index
    %w1 = arith.index_cast %i : i64 to index
    %v1 = tensor.extract %x[%c0, %c, %c0, %c0, %w1] : tensor<1x4x1x1x4xf32>
    linalg.yield %v1 : f32
  } -> tensor<1x4x1x1x3xf32>
  %difference = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x1, %x0 : tensor<1x4x1x1x3xf32>, tensor<1x4x1x1x3xf32>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%b: f32, %c: f32, %o: f32):
    %0 = arith.subf %b, %c : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x1x1x3xf32>
  %z = linalg.generic {indexing_maps = [#id, #id, #w, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x0, %difference, %t : tensor<1x4x1x1x3xf32>, tensor<1x4x1x1x3xf32>, tensor<3xf32>) outs(%e : tensor<1x4x1x1x3xf32>) {
  ^bb0(%b: f32, %c: f32, %by: f32, %o: f32):
    %0 = arith.mulf %c, %by : f32
    %1 = arith.addf %b, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x4x1x1x3xf32>
  return %y, %z : tensor<1x4x1x1x3xf32>, tensor<1x4x1x1x3xf32>
}
