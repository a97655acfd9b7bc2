// RUN: %opt %s --passes=fuse-elementwise | filecheck %s

// A cube is two products, f64's 20 is f32's; f64's 0.1 is not, and a fifth power stays.
// CHECK: %[[S:.+]] = arith.mulf %[[X:.+]], %[[X]]
// CHECK-NEXT: arith.mulf %[[S]], %[[X]]
// CHECK: arith.cmpf ogt, %[[X]], %{{.+}} : f32
// CHECK: arith.cmpf ogt, %{{.+}}, %{{.+}} : f64
// CHECK: math.fpowi

#id = affine_map<(n, o, d, h, w, c) -> (n, o, d, h, w, c)>
func.func @main(%x: tensor<1x1x1x1x3x4xf32>, %e: tensor<1x1x1x1x3x4xf32>) -> tensor<1x1x1x1x3x4xf32> {
  %three = arith.constant 3 : i64
  %five = arith.constant 5 : i64
  %twenty = arith.constant 20.0 : f64
  %tenth = arith.constant 0.1 : f64
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x1x1x1x3x4xf32>) outs(%e : tensor<1x1x1x1x3x4xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %c = math.fpowi %a0, %three : f32, i64
    %w = arith.extf %a0 : f32 to f64
    %b = arith.cmpf ogt, %w, %twenty : f64
    %d = arith.cmpf ogt, %w, %tenth : f64
    %s = arith.select %b, %c, %a0 : f32
    %t = arith.select %d, %s, %a0 : f32
    %f = math.fpowi %t, %five : f32, i64
    linalg.yield %f : f32
  } -> tensor<1x1x1x1x3x4xf32>
  return %0 : tensor<1x1x1x1x3x4xf32>
}
