// RUN: %opt %s --passes=narrow-f16 2>&1 | filecheck %s

// An average sums f16 in f32 and is stored as f16; a concatenation, its padding and a view of it are f16.
// CHECK-NOT: remark
// CHECK: %[[X:.+]] = linalg.pack {{.*}} -> tensor<1x1x1x1x4x4xf16>
// CHECK: %[[SUM:.+]] = linalg.generic {{.*}} outs(%{{.+}} : tensor<1x1x1x1x4x4xf32>) {{.*}}avg_pool
// CHECK: tensor.extract %[[X]]
// CHECK: arith.extf
// CHECK: %[[A:.+]] = linalg.generic {{.*}} ins(%[[SUM]] : tensor<1x1x1x1x4x4xf32>) outs(%{{.+}} : tensor<1x1x1x1x4x4xf16>)
// CHECK: arith.truncf
// CHECK: %[[Z:.+]] = linalg.fill {{.*}} -> tensor<1x2x1x1x6x4xf16>
// CHECK: %[[L0:.+]] = tensor.insert_slice %[[X]] into %[[Z]][0, 0, 0, 0, 1, 0]
// CHECK: %[[L1:.+]] = tensor.insert_slice %[[A]] into %[[L0]][0, 1, 0, 0, 1, 0]
// CHECK: %[[V:.+]] = tensor.extract_slice %[[L1]][0, 0, 0, 0, 1, 0] {{.*}} : tensor<1x2x1x1x6x4xf16> to tensor<1x2x1x1x4x4xf16>
// CHECK: linalg.unpack %[[V]] {{.*}} : tensor<1x2x1x1x4x4xf16>

func.func @main(%x: tensor<1x4x1x1x4xf32>) -> tensor<1x8x1x1x4xf32> {
  %zero = arith.constant 0.0 : f32
  %third = arith.constant dense<0.333333343> : tensor<1x1x1xf32>
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %e = tensor.empty() : tensor<1x1x1x1x4x4xf32>
  %xb = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x1x4xf32> -> tensor<1x1x1x1x4x4xf32>
  %w = tensor.empty() : tensor<1x1x1xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1x1x1x4x4xf32>) -> tensor<1x1x1x1x4x4xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(n, o, d, h, w, c, i, j, k) -> (i, j, k)>, affine_map<(n, o, d, h, w, c, i, j, k) -> (0, 0, 0)>, affine_map<(n, o, d, h, w, c, i, j, k) -> (n, o, d, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%w, %third : tensor<1x1x1xf32>, tensor<1x1x1xf32>) outs(%i : tensor<1x1x1x1x4x4xf32>)
      attrs = {avg_pool = {ins = ["window", "scale"], kernel = array<i64: 1, 1, 1>, low = array<i64: 0, 0, 0>, strides = array<i64: 1, 1, 1>}} {
  ^bb0(%window: f32, %scale: f32, %out: f32):
    %n = linalg.index 0 : index
    %o = linalg.index 1 : index
    %at = linalg.index 4 : index
    %c = linalg.index 5 : index
    %v = tensor.extract %xb[%n, %o, %c0, %c0, %at, %c] {operand = "x"} : tensor<1x1x1x1x4x4xf32>
    %0 = arith.mulf %v, %scale : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x1x1x1x4x4xf32>
  %ep = tensor.empty() : tensor<1x2x1x1x6x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%ep : tensor<1x2x1x1x6x4xf32>) -> tensor<1x2x1x1x6x4xf32>
  %l0 = tensor.insert_slice %xb into %z[0, 0, 0, 0, 1, 0] [1, 1, 1, 1, 4, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x1x4x4xf32> into tensor<1x2x1x1x6x4xf32>
  %l1 = tensor.insert_slice %a into %l0[0, 1, 0, 0, 1, 0] [1, 1, 1, 1, 4, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x1x4x4xf32> into tensor<1x2x1x1x6x4xf32>
  %s = tensor.extract_slice %l1[0, 0, 0, 0, 1, 0] [1, 2, 1, 1, 4, 4] [1, 1, 1, 1, 1, 1] : tensor<1x2x1x1x6x4xf32> to tensor<1x2x1x1x4x4xf32>
  %ye = tensor.empty() : tensor<1x8x1x1x4xf32>
  %y = linalg.unpack %s inner_dims_pos = [1] inner_tiles = [4] into %ye : tensor<1x2x1x1x4x4xf32> -> tensor<1x8x1x1x4xf32>
  return %y : tensor<1x8x1x1x4xf32>
}
