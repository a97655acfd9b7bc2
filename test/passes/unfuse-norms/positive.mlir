// RUN: %opt %s --passes=unfuse-norms | filecheck %s

#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Two sums, the second of what the first is subtracted from: all that read %s read its clone.
// CHECK-LABEL: func.func @two_sums
// CHECK: %[[S:.+]] = linalg.generic {{.+}} ins(%arg0, %arg1
// CHECK: %[[C:.+]] = flow.tensor.clone %[[S]] : tensor<8x4xf32>
// CHECK-NOT: ins(%[[S]]
// CHECK: linalg.generic {{.+}} ins(%[[C]] : tensor<8x4xf32>)
// CHECK: linalg.generic {{.+}} ins(%[[C]], %{{.+}} : tensor<8x4xf32>, tensor<8xf32>)
// CHECK: return %[[C]]
func.func @two_sums(%a: tensor<8x4xf32>, %b: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8x4xf32>
  %z = arith.constant dense<0.0> : tensor<8xf32>
  %s = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %r = arith.addf %x, %y : f32
    linalg.yield %r : f32
  } -> tensor<8x4xf32>
  %m = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<8x4xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %r = arith.addf %x, %o : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %v = linalg.generic {indexing_maps = [#all, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%s, %m : tensor<8x4xf32>, tensor<8xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%x: f32, %q: f32, %o: f32):
    %d = arith.subf %x, %q : f32
    %r = arith.addf %d, %o : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %s, %v : tensor<8x4xf32>, tensor<8xf32>
}

// One sum, of what is made of a reversed tensor: the reversed one has one reader, and stays.
// CHECK-LABEL: func.func @reversed
// CHECK: %[[F:.+]] = linalg.generic
// CHECK: tensor.extract
// CHECK: %[[S:.+]] = linalg.generic {{.+}} ins(%[[F]], %arg0
// CHECK: %[[C:.+]] = flow.tensor.clone %[[S]]
// CHECK: linalg.generic {{.+}} ins(%[[C]] :
// CHECK: linalg.generic {{.+}} ins(%[[C]], %{{.+}} :
func.func @reversed(%a: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %z = arith.constant dense<0.0> : tensor<8xf32>
  %c7 = arith.constant 7 : index
  %f = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<8x4xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = arith.subi %c7, %i : index
    %r = tensor.extract %a[%k, %j] : tensor<8x4xf32>
    linalg.yield %r : f32
  } -> tensor<8x4xf32>
  %s = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%f, %a : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %r = arith.addf %x, %y : f32
    linalg.yield %r : f32
  } -> tensor<8x4xf32>
  %m = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<8x4xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %r = arith.addf %x, %o : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  %y = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%s, %m : tensor<8x4xf32>, tensor<8xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%x: f32, %q: f32, %o: f32):
    %r = arith.subf %x, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
