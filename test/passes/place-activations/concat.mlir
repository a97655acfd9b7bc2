// RUN: %opt %s --passes=place-activations | filecheck %s

// concat(concat(x, y), z), read padded: one padded tensor. x is read by what computes z, so behind x's link alone; the
// inner concatenation is returned: a range of channels, after all links.
// CHECK: %[[X:.+]] = linalg.pack %arg0
// CHECK: %[[Z:.+]] = linalg.fill {{.*}} -> tensor<1x3x1x2x5x4xf32>
// CHECK: %[[L0:.+]] = tensor.insert_slice %[[X]] into %[[Z]][0, 0, 0, 0, 1, 0] [1, 1, 1, 2, 3, 4]
// CHECK: %[[Y:.+]] = linalg.pack %arg1
// CHECK: %[[L1:.+]] = tensor.insert_slice %[[Y]] into %[[L0]][0, 1, 0, 0, 1, 0] [1, 1, 1, 2, 3, 4]
// CHECK: %[[V:.+]] = tensor.extract_slice %[[L1]][0, 0, 0, 0, 1, 0] [1, 1, 1, 2, 3, 4]
// CHECK: %[[N:.+]] = linalg.generic {{.*}} ins(%[[V]]
// CHECK: %[[L2:.+]] = tensor.insert_slice %[[N]] into %[[L1]][0, 2, 0, 0, 1, 0] [1, 1, 1, 2, 3, 4]
// CHECK: %[[I:.+]] = tensor.extract_slice %[[L2]][0, 0, 0, 0, 1, 0] [1, 2, 1, 2, 3, 4]
// CHECK-NOT: tensor.insert_slice
// CHECK: return %[[L2]], %[[I]]

#id = affine_map<(n, o, d, h, w, c) -> (n, o, d, h, w, c)>
func.func @main(%x: tensor<1x4x1x2x3xf32>, %y: tensor<1x4x1x2x3xf32>) -> (tensor<1x3x1x2x5x4xf32>, tensor<1x2x1x2x3x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x1x1x2x3x4xf32>
  %xb = linalg.pack %x inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x3xf32> -> tensor<1x1x1x2x3x4xf32>
  %yb = linalg.pack %y inner_dims_pos = [1] inner_tiles = [4] into %e : tensor<1x4x1x2x3xf32> -> tensor<1x1x1x2x3x4xf32>
  %zb = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%xb : tensor<1x1x1x2x3x4xf32>) outs(%e : tensor<1x1x1x2x3x4xf32>) {
  ^bb0(%a0: f32, %o: f32):
    %n = arith.negf %a0 : f32
    linalg.yield %n : f32
  } -> tensor<1x1x1x2x3x4xf32>
  %e2 = tensor.empty() : tensor<1x2x1x2x3x4xf32>
  %i0 = tensor.insert_slice %xb into %e2[0, 0, 0, 0, 0, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x2x1x2x3x4xf32>
  %i1 = tensor.insert_slice %yb into %i0[0, 1, 0, 0, 0, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x2x1x2x3x4xf32>
  %e3 = tensor.empty() : tensor<1x3x1x2x3x4xf32>
  %k0 = tensor.insert_slice %i1 into %e3[0, 0, 0, 0, 0, 0] [1, 2, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x2x1x2x3x4xf32> into tensor<1x3x1x2x3x4xf32>
  %k1 = tensor.insert_slice %zb into %k0[0, 2, 0, 0, 0, 0] [1, 1, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x1x1x2x3x4xf32> into tensor<1x3x1x2x3x4xf32>
  %ep = tensor.empty() : tensor<1x3x1x2x5x4xf32>
  %zp = linalg.fill ins(%zero : f32) outs(%ep : tensor<1x3x1x2x5x4xf32>) -> tensor<1x3x1x2x5x4xf32>
  %p = tensor.insert_slice %k1 into %zp[0, 0, 0, 0, 1, 0] [1, 3, 1, 2, 3, 4] [1, 1, 1, 1, 1, 1] : tensor<1x3x1x2x3x4xf32> into tensor<1x3x1x2x5x4xf32>
  return %p, %i1 : tensor<1x3x1x2x5x4xf32>, tensor<1x2x1x2x3x4xf32>
}
