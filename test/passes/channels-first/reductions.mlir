// RUN: %opt %s --passes=channels-first | filecheck %s

// A maximum whose index nobody reads is one of a single result.
// CHECK-LABEL: @largest
// CHECK: arith.maximumf
// CHECK-NOT: linalg.index
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x1x3xf32> into tensor<1x3xf32>

// An argmax is the least number of the channels that hold the maximum.
// CHECK-LABEL: @argmax
// CHECK: arith.maximumf
// CHECK: arith.cmpf oeq
// CHECK: arith.minimumf
// CHECK: arith.fptosi {{.*}} : f32 to i64

// What a sum computes of each number is computed before.
// CHECK-LABEL: @norm
// CHECK: math.absf
// CHECK: linalg.yield
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.addf
// CHECK-NEXT: linalg.yield

#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#rest = affine_map<(d0, d1, d2) -> (d0, d2)>
#one = affine_map<(d0, d1, d2) -> (d0, 0, d2)>
func.func @largest(%x: tensor<1x4x3xf32>) -> tensor<1x3xf32> {
  %least = arith.constant 0xFF800000 : f32
  %none = arith.constant 0 : i64
  %ve = tensor.empty() : tensor<1x3xf32>
  %vi = linalg.fill ins(%least : f32) outs(%ve : tensor<1x3xf32>) -> tensor<1x3xf32>
  %ie = tensor.empty() : tensor<1x3xi64>
  %ii = linalg.fill ins(%none : i64) outs(%ie : tensor<1x3xi64>) -> tensor<1x3xi64>
  %m:2 = linalg.generic {indexing_maps = [#id, #rest, #rest], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%x : tensor<1x4x3xf32>) outs(%vi, %ii : tensor<1x3xf32>, tensor<1x3xi64>) {
  ^bb0(%a: f32, %most: f32, %at: i64):
    %c = linalg.index 1 : index
    %k = arith.index_cast %c : index to i64
    %larger = arith.maximumf %a, %most : f32
    %is = arith.cmpf ogt, %a, %most : f32
    %best = arith.select %is, %k, %at : i64
    linalg.yield %larger, %best : f32, i64
  } -> (tensor<1x3xf32>, tensor<1x3xi64>)
  return %m#0 : tensor<1x3xf32>
}

func.func @argmax(%x: tensor<1x4x3xf32>) -> tensor<1x3xi64> {
  %least = arith.constant 0xFF800000 : f32
  %none = arith.constant 0 : i64
  %ve = tensor.empty() : tensor<1x3xf32>
  %vi = linalg.fill ins(%least : f32) outs(%ve : tensor<1x3xf32>) -> tensor<1x3xf32>
  %ie = tensor.empty() : tensor<1x3xi64>
  %ii = linalg.fill ins(%none : i64) outs(%ie : tensor<1x3xi64>) -> tensor<1x3xi64>
  %m:2 = linalg.generic {indexing_maps = [#id, #rest, #rest], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%x : tensor<1x4x3xf32>) outs(%vi, %ii : tensor<1x3xf32>, tensor<1x3xi64>) {
  ^bb0(%a: f32, %most: f32, %at: i64):
    %c = linalg.index 1 : index
    %k = arith.index_cast %c : index to i64
    %larger = arith.maximumf %a, %most : f32
    %is = arith.cmpf ogt, %a, %most : f32
    %best = arith.select %is, %k, %at : i64
    linalg.yield %larger, %best : f32, i64
  } -> (tensor<1x3xf32>, tensor<1x3xi64>)
  return %m#1 : tensor<1x3xi64>
}

func.func @norm(%x: tensor<1x4x3xf32>) -> tensor<1x1x3xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x1x3xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1x3xf32>) -> tensor<1x1x3xf32>
  %s = linalg.generic {indexing_maps = [#id, #one], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%x : tensor<1x4x3xf32>) outs(%i : tensor<1x1x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.absf %a : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<1x1x3xf32>
  return %s : tensor<1x1x3xf32>
}
