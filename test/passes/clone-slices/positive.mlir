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
