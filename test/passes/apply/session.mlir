// A module held in an iree.compiler.api.Session: its context is not one that Python made, and the same session compiles.
// Two functions; the batch of the second is open, so its layers are refused by name and stay what they were.

// RUN: %python %S/Inputs/session.py | filecheck %s

// CHECK-DAG: layer {{.*}}_8_3_3_3_3{{.*}}: 100% kept, packed: True
// CHECK-DAG: layer {{.*}}_16_8_3_3_3{{.*}}: 50% kept, packed: True
// CHECK-DAG: layer {{.*}}_5_512{{.*}}: 100% kept, packed: True
// CHECK-DAG: note linear-to-conv: {{.*}}_5_512{{.*}}: it has a tensor of a dynamic shape, tensor<?x512xf32>
// CHECK-DAG: note pack-kgs: {{.*}}_8_3_3_3_3{{.*}}: it has a tensor of a dynamic shape, tensor<?x3x6x10x10xf32>
// CHECK-DAG: note pack-kgs: {{.*}}_16_8_3_3_3{{.*}}: it has a tensor of a dynamic shape, tensor<?x8x4x6x6xf32>
// CHECK: func.func @main(
// CHECK-NOT: linalg.conv_3d_ncdhw_fcdhw
// CHECK-COUNT-4: flow.dispatch
// CHECK: func.func @any_batch(
// CHECK-NOT: flow.dispatch
// CHECK-COUNT-2: linalg.conv_3d_ncdhw_fcdhw
// CHECK: the same as PyTorch
// CHECK: the same as PyTorch
