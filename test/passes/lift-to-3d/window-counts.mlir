// RUN: %opt %s --passes=lift-to-3d | filecheck %s

// Four windows in seven columns: 0-1, 1-3, 3-5, 5-6. Their lengths are known, and the sums are a result alone.
// CHECK-LABEL: func.func @pool
// CHECK-DAG: %[[N:.+]] = arith.constant dense<[2.000000e+00, 3.000000e+00, 3.000000e+00, 2.000000e+00]> : tensor<4xf32>
// CHECK: %[[Y:.+]] = linalg.generic {{.*}} ins(%{{.+}} : tensor<3xi1>) outs(%{{.+}} : tensor<1x2x1x1x4xf32>)
// CHECK: linalg.yield %{{[^,]+}} : f32
// CHECK: return %[[Y]], %[[N]]
#window = affine_map<(n, c, d, h, w, k) -> (k)>
#sums = affine_map<(n, c, d, h, w, k) -> (n, c, d, h, w)>
#counts = affine_map<(n, c, d, h, w, k) -> (w)>
func.func @pool(%x: tensor<1x2x1x1x8xf32>, %i: tensor<1x2x1x1x4xf32>) -> (tensor<1x2x1x1x4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c7 = arith.constant 7 : index
  %zero = arith.constant 0.0 : f32
  %k = tensor.empty() : tensor<3xi1>
  %e = tensor.empty() : tensor<4xf32>
  %y:2 = linalg.generic {indexing_maps = [#window, #sums, #counts], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%k : tensor<3xi1>) outs(%i, %e : tensor<1x2x1x1x4xf32>, tensor<4xf32>) {
  ^bb0(%q: i1, %s: f32, %o: f32):
    %c = linalg.index 1 : index
    %w = linalg.index 4 : index
    %j = linalg.index 5 : index
    %w7 = arith.muli %w, %c7 : index
    %first = arith.floordivsi %w7, %c4 : index
    %next = arith.addi %w, %c1 : index
    %next7 = arith.muli %next, %c7 : index
    %before = arith.subi %next7, %c1 : index
    %last = arith.floordivsi %before, %c4 : index
    %end = arith.addi %last, %c1 : index
    %at = arith.addi %first, %j : index
    %v = tensor.extract %x[%c0, %c, %c0, %c0, %at] : tensor<1x2x1x1x8xf32>
    %inside = arith.cmpi ult, %at, %end : index
    %u = arith.select %inside, %v, %zero : f32
    %t = arith.addf %u, %s : f32
    %length = arith.subi %end, %first : index
    %number = arith.index_cast %length : index to i64
    %count = arith.sitofp %number : i64 to f32
    linalg.yield %t, %count : f32, f32
  } -> (tensor<1x2x1x1x4xf32>, tensor<4xf32>)
  return %y#0, %y#1 : tensor<1x2x1x1x4xf32>, tensor<4xf32>
}

// A second result of the data, or of a loop that it is not indexed by, is not known.
// CHECK-LABEL: func.func @data
// CHECK: linalg.generic
// CHECK: linalg.yield %{{.+}}, %{{.+}} : f32, f32
func.func @data(%x: tensor<3xf32>, %i: tensor<1x2x1x1x4xf32>, %e: tensor<4xf32>) -> (tensor<1x2x1x1x4xf32>, tensor<4xf32>) {
  %y:2 = linalg.generic {indexing_maps = [#window, #sums, #counts], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x : tensor<3xf32>) outs(%i, %e : tensor<1x2x1x1x4xf32>, tensor<4xf32>) {
  ^bb0(%q: f32, %s: f32, %o: f32):
    %t = arith.addf %q, %s : f32
    %u = arith.maximumf %q, %o : f32
    linalg.yield %t, %u : f32, f32
  } -> (tensor<1x2x1x1x4xf32>, tensor<4xf32>)
  return %y#0, %y#1 : tensor<1x2x1x1x4xf32>, tensor<4xf32>
}
// CHECK-LABEL: func.func @channel
// CHECK: linalg.generic
// CHECK: linalg.yield %{{.+}}, %{{.+}} : f32, f32
func.func @channel(%x: tensor<3xf32>, %i: tensor<1x2x1x1x4xf32>, %e: tensor<4xf32>) -> (tensor<1x2x1x1x4xf32>, tensor<4xf32>) {
  %y:2 = linalg.generic {indexing_maps = [#window, #sums, #counts], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x : tensor<3xf32>) outs(%i, %e : tensor<1x2x1x1x4xf32>, tensor<4xf32>) {
  ^bb0(%q: f32, %s: f32, %o: f32):
    %t = arith.addf %q, %s : f32
    %c = linalg.index 1 : index
    %number = arith.index_cast %c : index to i64
    %u = arith.sitofp %number : i64 to f32
    linalg.yield %t, %u : f32, f32
  } -> (tensor<1x2x1x1x4xf32>, tensor<4xf32>)
  return %y#0, %y#1 : tensor<1x2x1x1x4xf32>, tensor<4xf32>
}
