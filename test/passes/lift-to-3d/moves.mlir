// RUN: %opt %s --passes=lift-to-3d | filecheck %s

// What moves numbers behind a lifted layer: rows by a table, every second column, a pad by 2.
// CHECK: %[[C:.+]] = linalg.conv_3d_ncdhw_fcdhw
// CHECK-NOT: tensor.{{collapse|expand}}_shape
// CHECK: %[[G:.+]] = linalg.generic {{.*}} ins(%{{.+}} : tensor<2xi64>) outs(%{{.+}} : tensor<1x2x1x2x4xf32>)
// CHECK: %[[W:.+]] = linalg.index 4 : index
// CHECK: tensor.extract %[[C]][%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %[[W]]] : tensor<1x2x1x4x4xf32>
// CHECK: %[[S:.+]] = tensor.extract_slice %[[G]][0, 0, 0, 0, 1] [1, 2, 1, 2, 2] [1, 1, 1, 1, 2]
// CHECK: tensor.pad %[[S]] low[0, 0, 0, 0, 1] high[0, 0, 0, 0, 0]
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x2x1x2x3xf32> into tensor<1x2x2x3xf32>

func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %c0 = arith.constant 0 : index
  %rows = arith.constant dense<[3, 1]> : tensor<2xi64>
  %w = arith.constant dense<1.0> : tensor<2x2x1x1xf32>
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
      ins(%x, %w : tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) outs(%i : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %f = tensor.empty() : tensor<1x2x2x4xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (h)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%rows : tensor<2xi64>) outs(%f : tensor<1x2x2x4xf32>) {
  ^bb0(%r: i64, %o: f32):
    %h = arith.index_cast %r : i64 to index
    %m = linalg.index 1 : index
    %v = linalg.index 3 : index
    %n = tensor.extract %c[%c0, %m, %h, %v] : tensor<1x2x4x4xf32>
    linalg.yield %n : f32
  } -> tensor<1x2x2x4xf32>
  %s = tensor.extract_slice %g[0, 0, 0, 1] [1, 2, 2, 2] [1, 1, 1, 2] : tensor<1x2x2x4xf32> to tensor<1x2x2x2xf32>
  %p = tensor.pad %s low[0, 0, 0, 1] high[0, 0, 0, 0] {
  ^bb0(%i0: index, %i1: index, %i2: index, %i3: index):
    tensor.yield %two : f32
  } : tensor<1x2x2x2xf32> to tensor<1x2x2x3xf32>
  return %p : tensor<1x2x2x3xf32>
}
