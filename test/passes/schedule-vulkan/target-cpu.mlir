// RUN: not %opt %s --passes=schedule-vulkan{target=cortex-a76} 2>&1 | filecheck %s

// CHECK: error: no GPU target is called 'cortex-a76'; known: vulkan-adreno, vulkan-mali, vulkan-lavapipe, vulkan-nvidia

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
