// RUN: not %opt %s --passes=schedule-cpu{target=cortex-a760} 2>&1 | filecheck %s

// CHECK: error: no CPU target is called 'cortex-a760'; known: host, cortex-a55, {{.*}}; did you mean 'cortex-a76'?

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
