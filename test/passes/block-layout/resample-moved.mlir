// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// What only moves: columns by a table and rows backwards in one body, every second column, a pad by 7, a roll; each
// behind the one before, so all is one map: of columns 0 to 4, [7, 1, 3] and then [1, 3, 7].
// CHECK-NOT: remark
// CHECK-DAG: %[[FILL:.+]] = arith.constant dense<7.000000e+00> : tensor<1xf32>
// CHECK-DAG: %[[H:.+]] = arith.constant dense<{{\[\[}}2], [1], [0]]> : tensor<3x1xi32>
// CHECK-DAG: %[[W:.+]] = arith.constant dense<{{\[\[}}1], [3], [-1]]> : tensor<3x1xi32>
// CHECK: linalg.generic {{.*}} ins(%[[FILL]], %{{.+}}, %{{.+}}, %[[H]], %{{.+}}, %[[W]], %{{.+}} : {{.*}}) outs({{.*}} : tensor<1x1x1x3x3x4xf32>) attrs = {resample = {ins = ["fill", "at_d", "by_d", "at_h", "by_h", "at_w", "by_w"]}}
// CHECK: tensor.extract %arg0[{{.*}}] {operand = "x"} : tensor<1x1x1x3x5x4xf32>
// CHECK: linalg.unpack
// CHECK-NOT: linalg.generic

func.func @main(%a: tensor<1x1x1x3x5x4xf32>) -> tensor<1x4x1x3x3xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %seven = arith.constant 7.0 : f32
  %columns = arith.constant dense<[1, 0, 3, 4]> : tensor<4xi64>
  %xe = tensor.empty() : tensor<1x4x1x3x5xf32>
  %x = linalg.unpack %a inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x1x1x3x5x4xf32> -> tensor<1x4x1x3x5xf32>
  %e = tensor.empty() : tensor<1x4x1x3x4xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(n, c, d, h, w) -> (w)>, affine_map<(n, c, d, h, w) -> (n, c, d, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%columns : tensor<4xi64>) outs(%e : tensor<1x4x1x3x4xf32>) {
  ^bb0(%i: i64, %o: f32):
    %w = arith.index_cast %i : i64 to index
    %c = linalg.index 1 : index
    %h = linalg.index 3 : index
    %back = arith.subi %c2, %h : index
    %v = tensor.extract %x[%c0, %c, %c0, %back, %w] : tensor<1x4x1x3x5xf32>
    linalg.yield %v : f32
  } -> tensor<1x4x1x3x4xf32>
  %s = tensor.extract_slice %g[0, 0, 0, 0, 0] [1, 4, 1, 3, 2] [1, 1, 1, 1, 2] : tensor<1x4x1x3x4xf32> to tensor<1x4x1x3x2xf32>
  %p = tensor.pad %s low[0, 0, 0, 0, 1] high[0, 0, 0, 0, 0] {
  ^bb0(%i0: index, %i1: index, %i2: index, %i3: index, %i4: index):
    tensor.yield %seven : f32
  } : tensor<1x4x1x3x2xf32> to tensor<1x4x1x3x3xf32>
  %last = tensor.extract_slice %p[0, 0, 0, 0, 1] [1, 4, 1, 3, 2] [1, 1, 1, 1, 1] : tensor<1x4x1x3x3xf32> to tensor<1x4x1x3x2xf32>
  %first = tensor.extract_slice %p[0, 0, 0, 0, 0] [1, 4, 1, 3, 1] [1, 1, 1, 1, 1] : tensor<1x4x1x3x3xf32> to tensor<1x4x1x3x1xf32>
  %r = tensor.concat dim(4) %last, %first : (tensor<1x4x1x3x2xf32>, tensor<1x4x1x3x1xf32>) -> tensor<1x4x1x3x3xf32>
  return %r : tensor<1x4x1x3x3xf32>
}
