// RUN: %opt %s --passes=schedule-cpu{target=cortex-a76} 2>&1 | filecheck %s

// Two parts of a padded concatenation and one that reads a view of it. Nothing is filled, sliced or inserted: the first
// part's dispatch makes the tensor, the second updates it, and the third reads it at an offset.

#full = affine_map<(n, o, d, h, w, c) -> (n, o, d, h, w, c)>
#channel = affine_map<(n, o, d, h, w, c) -> (o, c)>
#gate = affine_map<(n, o, d, h, w, c) -> (n, o, 0, 0, 0, c)>

// The border of a part is that of its own channel blocks; the second one's block 0 is block 1 of the tensor of 3.
// CHECK: affine_map<(d0, d1) -> ((d0 * 3 + d1) * 48 + 14)>
// CHECK: affine_map<(d0, d1, d2, d3) -> (((d0 * 3 + d1) * 48 + (d2 * 4 + d3) * 12) * 4)>
// CHECK: affine_map<(d0, d1) -> ((d0 * 3 + d1) * 48 + 62)>
// CHECK: affine_map<(d0, d1, d2, d3) -> (((d0 * 3 + d1 + 1) * 48 + (d2 * 4 + d3) * 12) * 4)>
// CHECK: math.exp {{.*}} : vector<4xf32>

// CHECK-LABEL: func.func @main
// CHECK-NOT: linalg.fill
// CHECK: %[[A:.+]] = flow.dispatch @[[FIRST:.+]]::@[[FIRST]](%arg0, %{{.+}}) : (tensor<1x1x1x2x8x4xf32>, tensor<4xf32>) -> tensor<1x3x1x4x12x4xf32>
// CHECK-NEXT: %[[B:.+]] = flow.dispatch @[[SECOND:.+]]::@[[SECOND]](%arg1, %arg2, %[[A]]) : (tensor<1x2x1x2x8x4xf32>, tensor<1x2x1x1x1x4xf32>, tensor<1x3x1x4x12x4xf32>) -> %[[A]]
// CHECK-NEXT: %[[C:.+]] = flow.dispatch @[[THIRD:.+]]::@[[THIRD]](%[[B]]) : (tensor<1x3x1x4x12x4xf32>) -> tensor<1x1x1x2x8x4xf32>
// CHECK-NEXT: return %[[B]], %[[C]]
func.func @main(%a: tensor<1x1x1x2x8x4xf32>, %b: tensor<1x2x1x2x8x4xf32>, %g: tensor<1x2x1x1x1x4xf32>)
    -> (tensor<1x3x1x4x12x4xf32>, tensor<1x1x1x2x8x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %bias = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %ea = tensor.empty() : tensor<1x1x1x2x8x4xf32>
  %eb = tensor.empty() : tensor<1x2x1x2x8x4xf32>
  %x = linalg.generic {indexing_maps = [#full, #channel, #full], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%a, %bias : tensor<1x1x1x2x8x4xf32>, tensor<1x4xf32>) outs(%ea : tensor<1x1x1x2x8x4xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x2x8x4xf32>
  %y = linalg.generic {indexing_maps = [#full, #gate, #full], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%b, %g : tensor<1x2x1x2x8x4xf32>, tensor<1x2x1x1x1x4xf32>) outs(%eb : tensor<1x2x1x2x8x4xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %s = arith.mulf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<1x2x1x2x8x4xf32>
  %e = tensor.empty() : tensor<1x3x1x4x12x4xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x1x4x12x4xf32>) -> tensor<1x3x1x4x12x4xf32>
  %1 = tensor.insert_slice %x into %zeros[0, 0, 0, 1, 2, 0] [1, 1, 1, 2, 8, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x8x4xf32> into tensor<1x3x1x4x12x4xf32>
  %2 = tensor.insert_slice %y into %1[0, 1, 0, 1, 2, 0] [1, 2, 1, 2, 8, 4] [1, 1, 1, 1, 1, 1] : tensor<1x2x1x2x8x4xf32> into tensor<1x3x1x4x12x4xf32>
  %view = tensor.extract_slice %2[0, 1, 0, 1, 2, 0] [1, 1, 1, 2, 8, 4] [1, 1, 1, 1, 1, 1] : tensor<1x3x1x4x12x4xf32> to tensor<1x1x1x2x8x4xf32>
  %z = linalg.generic {indexing_maps = [#full, #full], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%view : tensor<1x1x1x2x8x4xf32>) outs(%ea : tensor<1x1x1x2x8x4xf32>) {
  ^bb0(%p: f32, %out: f32):
    %s = math.exp %p : f32
    linalg.yield %s : f32
  } -> tensor<1x1x1x2x8x4xf32>
  return %2, %z : tensor<1x3x1x4x12x4xf32>, tensor<1x1x1x2x8x4xf32>
}
