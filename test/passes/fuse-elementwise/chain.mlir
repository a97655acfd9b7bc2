// RUN: %opt %s --passes=fuse-elementwise | filecheck %s

// relu(conv + bias + residual) * sigmoid(itself): one generic, which reads each input once.
// CHECK: linalg.generic
// CHECK-SAME: ins(%arg1, %arg0, %{{.+}} : tensor<1x1x1x1x3x4xf32>, tensor<1x1x1x1x3x4xf32>, tensor<1x4xf32>)
// CHECK-NEXT: ^bb0(%[[R:.+]]: f32, %[[X:.+]]: f32, %[[B:.+]]: f32, %{{.+}}: f32):
// CHECK-NEXT: %[[S:.+]] = arith.addf %[[X]], %[[B]]
// CHECK-NEXT: %[[T:.+]] = arith.addf %[[R]], %[[S]]
// CHECK: math.exp
// CHECK: arith.mulf
// CHECK-NOT: linalg.generic

#id = affine_map<(n, o, d, h, w, c) -> (n, o, d, h, w, c)>
#channel = affine_map<(n, o, d, h, w, c) -> (o, c)>
func.func @main(%x: tensor<1x1x1x1x3x4xf32>, %r: tensor<1x1x1x1x3x4xf32>) -> tensor<1x1x1x1x3x4xf32> {
  %b = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<1x1x1x1x3x4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %b : tensor<1x1x1x1x3x4xf32>, tensor<1x4xf32>) outs(%e : tensor<1x1x1x1x3x4xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %s = arith.addf %a0, %a1 : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x1x3x4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%r, %0 : tensor<1x1x1x1x3x4xf32>, tensor<1x1x1x1x3x4xf32>) outs(%e : tensor<1x1x1x1x3x4xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %s = arith.addf %a0, %a1 : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x1x3x4xf32>
  %2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%1 : tensor<1x1x1x1x3x4xf32>) outs(%e : tensor<1x1x1x1x3x4xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %n = arith.negf %a0 : f32
    %p = math.exp %n : f32
    %q = arith.addf %p, %one : f32
    %s = arith.divf %one, %q : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x1x3x4xf32>
  %3 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%1, %2 : tensor<1x1x1x1x3x4xf32>, tensor<1x1x1x1x3x4xf32>) outs(%e : tensor<1x1x1x1x3x4xf32>) {
  ^bb0(%a0: f32, %a1: f32, %o: f32):
    %s = arith.mulf %a0, %a1 : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x1x3x4xf32>
  return %3 : tensor<1x1x1x1x3x4xf32>
}
