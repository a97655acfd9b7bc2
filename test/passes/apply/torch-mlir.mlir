// Modules that torch-mlir wrote in another process: linalg as text, the torch dialect as bytecode. What is written back
// is compiled by iree-compile with the target's flags alone.

// RUN: %python %S/Inputs/write_torch_mlir.py %t
// RUN: %python %S/Inputs/rewrite_files.py %t.mlir %t.mlirbc | filecheck %s
// RUN: %iree-compile %t.mlir.out -o %t.mlir.vmfb --iree-hal-target-device=local --iree-hal-local-target-device-backends=llvm-cpu --iree-llvmcpu-target-cpu=host
// RUN: %iree-compile %t.mlirbc.out -o %t.mlirbc.vmfb --iree-hal-target-device=local --iree-hal-local-target-device-backends=llvm-cpu --iree-llvmcpu-target-cpu=host
// RUN: %python %S/Inputs/check_files.py %t.mlir.vmfb %t.mlirbc.vmfb | filecheck %s --check-prefix=NUMBERS

// CHECK: file .mlir
// CHECK-DAG: layer {{.*}}_8_3_3_3_3{{.*}}: 100% kept, packed: True
// CHECK-DAG: layer {{.*}}_16_8_3_3_3{{.*}}: 50% kept, packed: True
// CHECK-DAG: layer {{.*}}_5_512{{.*}}: 100% kept, packed: True
// CHECK: file .mlirbc
// CHECK-DAG: layer {{.*}}_8_3_3_3_3{{.*}}: 100% kept, packed: True
// CHECK-DAG: layer {{.*}}_16_8_3_3_3{{.*}}: 50% kept, packed: True
// CHECK-DAG: layer {{.*}}_5_512{{.*}}: 100% kept, packed: True
// NUMBERS: the same as PyTorch
// NUMBERS: the same as PyTorch
