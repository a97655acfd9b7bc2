// RUN: %opt %s --passes=block-layout 2>&1 | filecheck %s

// Reads that are no separable map of one tensor: along a diagonal, rows as columns, where the data say,
// behind the end, of a product of two of its numbers, and of the magnitude of one.
// CHECK: remark: block-layout: tensor.concat: it has no blocked form
// CHECK-NOT: resample
// CHECK-COUNT-6: tensor.extract %unpack
// CHECK-NOT: resample

#id = affine_map<(n, c, d, h, w) -> (n, c, d, h, w)>
func.func @main(%a: tensor<1x1x1x3x3x4xf32>) -> tensor<1x6x1x3x3x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %xe = tensor.empty() : tensor<1x4x1x3x3xf32>
  %x = linalg.unpack %a inner_dims_pos = [1] inner_tiles = [4] into %xe : tensor<1x1x1x3x3x4xf32> -> tensor<1x4x1x3x3xf32>
  %diagonal = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      outs(%xe : tensor<1x4x1x3x3xf32>) {
  ^bb0(%o: f32):
    %c = linalg.index 1 : index
    %h = linalg.index 3 : index
    %w = linalg.index 4 : index
    %least = arith.minsi %h, %w : index
    %v = tensor.extract %x[%c0, %c, %c0, %h, %least] : tensor<1x4x1x3x3xf32>
    linalg.yield %v : f32
  } -> tensor<1x4x1x3x3xf32>
  %channels = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      outs(%xe : tensor<1x4x1x3x3xf32>) {
  ^bb0(%o: f32):
    %c = linalg.index 1 : index
    %h = linalg.index 3 : index
    %w = linalg.index 4 : index
    %back = arith.subi %c3, %c : index
    %v = tensor.extract %x[%c0, %back, %c0, %w, %h] : tensor<1x4x1x3x3xf32>
    linalg.yield %v : f32
  } -> tensor<1x4x1x3x3xf32>
  %data = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x1x3x3xf32>) outs(%xe : tensor<1x4x1x3x3xf32>) {
  ^bb0(%b: f32, %o: f32):
    %c = linalg.index 1 : index
    %h = linalg.index 3 : index
    %i = arith.fptosi %b : f32 to i64
    %w = arith.index_cast %i : i64 to index
    %v = tensor.extract %x[%c0, %c, %c0, %h, %w] : tensor<1x4x1x3x3xf32>
    linalg.yield %v : f32
  } -> tensor<1x4x1x3x3xf32>
  %behind = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      outs(%xe : tensor<1x4x1x3x3xf32>) {
  ^bb0(%o: f32):
    %c = linalg.index 1 : index
    %h = linalg.index 3 : index
    %w = linalg.index 4 : index
    %after = arith.addi %w, %c1 : index
    %v = tensor.extract %x[%c0, %c, %c0, %h, %after] : tensor<1x4x1x3x3xf32>
    linalg.yield %v : f32
  } -> tensor<1x4x1x3x3xf32>
  %product = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x4x1x3x3xf32>) outs(%xe : tensor<1x4x1x3x3xf32>) {
  ^bb0(%b: f32, %o: f32):
    %c = linalg.index 1 : index
    %h = linalg.index 3 : index
    %v = tensor.extract %x[%c0, %c, %c0, %h, %c0] : tensor<1x4x1x3x3xf32>
    %m = arith.mulf %v, %b : f32
    linalg.yield %m : f32
  } -> tensor<1x4x1x3x3xf32>
  %magnitude = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      outs(%xe : tensor<1x4x1x3x3xf32>) {
  ^bb0(%o: f32):
    %c = linalg.index 1 : index
    %h = linalg.index 3 : index
    %v = tensor.extract %x[%c0, %c, %c0, %h, %c0] : tensor<1x4x1x3x3xf32>
    %m = math.absf %v : f32
    linalg.yield %m : f32
  } -> tensor<1x4x1x3x3xf32>
  %all = tensor.concat dim(1) %diagonal, %channels, %data, %behind, %product, %magnitude : (tensor<1x4x1x3x3xf32>, tensor<1x4x1x3x3xf32>, tensor<1x4x1x3x3xf32>, tensor<1x4x1x3x3xf32>, tensor<1x4x1x3x3xf32>, tensor<1x4x1x3x3xf32>) -> tensor<1x24x1x3x3xf32>
  %be = tensor.empty() : tensor<1x6x1x3x3x4xf32>
  %p = linalg.pack %all inner_dims_pos = [1] inner_tiles = [4] into %be : tensor<1x24x1x3x3xf32> -> tensor<1x6x1x3x3x4xf32>
  return %p : tensor<1x6x1x3x3x4xf32>
}
