// Modules that iree.turbine.aot exported: the torch dialect until IREE's torch-to-iree has lowered it, large weights in
// globals, an asynchronous entry with a wrapper. The host's own session compiles them afterwards.

// RUN: %python %S/Inputs/turbine.py | filecheck %s

// CHECK: layer {{.*}}8_3_3_3_3{{.*}}: 100% kept, packed: True
// CHECK: layer {{.*}}16_8_3_3_3{{.*}}: 50% kept, packed: True
// CHECK: layer {{.*}}5_512{{.*}}: 100% kept, packed: True
// CHECK-NOT: note
// CHECK: util.func public @main$async
// CHECK-NOT: linalg.conv_3d_ncdhw_fcdhw
// CHECK-NOT: torch.aten
// CHECK: hal.tensor.import
// CHECK-COUNT-4: flow.dispatch
// CHECK: hal.tensor.export
// CHECK: util.func public @main(
// CHECK: the same as PyTorch

// The parameters of conv1, bn1 and conv2 were given and are folded and packed; those of fc still come at run time.
// CHECK: layer conv1: 100% kept, packed: True
// CHECK: layer conv2: 50% kept, packed: True
// CHECK: note apply: fc.weight: its numbers are not in the module; to pack it: parameters={'fc.weight': array}
// CHECK: util.global private @__auto.fc.weight = #flow.parameter.named<"model"::"fc.weight"> : tensor<5x512xf32>
// CHECK: util.func public @main$async
// CHECK-NOT: util.global.load @__auto.conv
// CHECK: util.global.load @__auto.fc.weight
// CHECK: linalg.matmul
// CHECK: the same as PyTorch
