// RUN: %opt %s --passes=clone-slices | filecheck %s

// Two parts that overlap, and two that do not: IREE takes both for one copy in place.
// CHECK-LABEL: func.func @overlap
// CHECK: %[[E:.+]] = tensor.extract_slice
// CHECK: %[[C:.+]] = flow.tensor.clone %[[E]] : tensor<1x2x2xf32>
// CHECK: tensor.insert_slice %[[C]] into %arg0
func.func @overlap(%x: tensor<1x3x3xf32>) -> tensor<1x3x3xf32> {
  %e = tensor.extract_slice %x[0, 0, 1] [1, 2, 2] [1, 1, 1] : tensor<1x3x3xf32> to tensor<1x2x2xf32>
  %r = tensor.insert_slice %e into %x[0, 1, 0] [1, 2, 2] [1, 1, 1] : tensor<1x2x2xf32> into tensor<1x3x3xf32>
  return %r : tensor<1x3x3xf32>
}

// Behind reshapes of either, and of a slice of a slice.
// CHECK-LABEL: func.func @reshaped
// CHECK: %[[E:.+]] = tensor.expand_shape %{{.+}} : tensor<2xf32> into tensor<1x2xf32>
// CHECK: %[[C:.+]] = flow.tensor.clone %[[E]] : tensor<1x2xf32>
// CHECK: tensor.insert_slice %[[C]] into
func.func @reshaped(%x: tensor<9xf32>) -> tensor<3x3xf32> {
  %whole = tensor.expand_shape %x [[0, 1]] output_shape [3, 3] : tensor<9xf32> into tensor<3x3xf32>
  %half = tensor.extract_slice %x[0] [4] [1] : tensor<9xf32> to tensor<4xf32>
  %part = tensor.extract_slice %half[1] [2] [1] : tensor<4xf32> to tensor<2xf32>
  %e = tensor.expand_shape %part [[0, 1]] output_shape [1, 2] : tensor<2xf32> into tensor<1x2xf32>
  %r = tensor.insert_slice %e into %whole[2, 0] [1, 2] [1, 1] : tensor<1x2xf32> into tensor<3x3xf32>
  return %r : tensor<3x3xf32>
}

// A slice that is gathered from: a column, and one with a step, behind a reshape.
// CHECK-LABEL: func.func @gathered
// CHECK: %[[E:.+]] = tensor.extract_slice %arg0[0, 1] [4, 1] [1, 1]
// CHECK: %[[C:.+]] = flow.tensor.clone %[[E]] : tensor<4x1xf32>
// CHECK: tensor.extract %[[C]]
// CHECK: %[[S:.+]] = tensor.extract_slice %arg0[0, 0] [4, 4] [1, 2]
// CHECK: %[[D:.+]] = flow.tensor.clone %[[S]] : tensor<4x4xf32>
// CHECK: %[[R:.+]] = tensor.collapse_shape %[[D]]
// CHECK: tensor.extract %[[R]]
#id = affine_map<(d0) -> (d0)>
func.func @gathered(%x: tensor<4x8xf32>, %i: tensor<3xi32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %column = tensor.extract_slice %x[0, 1] [4, 1] [1, 1] : tensor<4x8xf32> to tensor<4x1xf32>
  %c0 = arith.constant 0 : index
  %m = tensor.empty() : tensor<3xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%i : tensor<3xi32>) outs(%m : tensor<3xf32>) {
  ^bb0(%in: i32, %out: f32):
    %at = arith.index_cast %in : i32 to index
    %v = tensor.extract %column[%at, %c0] : tensor<4x1xf32>
    linalg.yield %v : f32
  } -> tensor<3xf32>
  %half = tensor.extract_slice %x[0, 0] [4, 4] [1, 2] : tensor<4x8xf32> to tensor<4x4xf32>
  %flat = tensor.collapse_shape %half [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%i : tensor<3xi32>) outs(%m : tensor<3xf32>) {
  ^bb0(%in: i32, %out: f32):
    %at = arith.index_cast %in : i32 to index
    %v = tensor.extract %flat[%at] : tensor<16xf32>
    linalg.yield %v : f32
  } -> tensor<3xf32>
  return %a, %b : tensor<3xf32>, tensor<3xf32>
}

// One element of an axis needs no step.
// CHECK-LABEL: func.func @one
// CHECK: tensor.extract_slice %arg0[0, 2] [3, 1] [1, 1]
func.func @one(%x: tensor<3x3xf32>) -> tensor<3x1xf32> {
  %e = tensor.extract_slice %x[0, 2] [3, 1] [1, 2] : tensor<3x3xf32> to tensor<3x1xf32>
  return %e : tensor<3x1xf32>
}
