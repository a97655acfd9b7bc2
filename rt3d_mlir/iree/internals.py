"""All that this project uses of IREE, of MLIR's Python bindings and of torch-mlir beyond their public interface.

It may change with each of their versions. Whoever moves to another version runs `test/test_iree_internals.py` first: it
has a test for each name here, which says what to look at. It also fails for a name that is used and not listed here.
Nothing is imported until a function is called, so that an app needs IREE's runtime alone.
"""

from pathlib import Path
from typing import Any

# Ops of IREE's own dialects, which are made or matched by name.

#: A kernel's call. Its `tied_operands` are updated in place.
DISPATCH = "flow.dispatch"
#: A tensor without contents, which unlike tensor.empty never becomes a constant.
ALLOCA = "flow.tensor.alloca"
#: A copy that IREE does not fuse with the op that it copies from.
CLONE = "flow.tensor.clone"
#: A part written into a tensor, in place where nobody else reads it.
UPDATE = "flow.tensor.update"
SLICE = "flow.tensor.slice"
GLOBAL = "util.global"
GLOBAL_LOAD = "util.global.load"
GLOBAL_STORE = "util.global.store"
#: What is not evaluated when the module is compiled.
BARRIER = "util.optimization_barrier"
#: A kernel whose body no pass at the level of tensors touches.
EXECUTABLE = "hal.executable.source"
BINDING = "hal.interface.binding.subspan"
WORKGROUP_ID = "hal.interface.workgroup.id"
#: The memory that a function's intermediate results get.
TRANSIENTS = "hal.tensor.transients"

#: Files that write whole IR as text, and the names of IREE's dialects in it.
TEXTS = {
    "passes/emit/dispatch.py": (
        EXECUTABLE,
        "hal.executable.export",
        "hal.return",
        "hal.device",
        "hal.pipeline.binding",
        "hal.pipeline.layout",
        BINDING,
        WORKGROUP_ID,
    ),
    "rt3d_mlir/compile/arena.py": (
        GLOBAL,
        "util.initializer",
        "util.return",
        GLOBAL_STORE,
        "hal.buffer",
        "hal.device",
        "hal.allocator",
        "hal.devices.get",
        "hal.device.allocator",
        "hal.memory_type",
        "hal.buffer_usage",
        "hal.allocator.allocate",
    ),
}

# Attributes, and what is read in the text that IREE writes.

#: In the reflection of a function, the bytes that its intermediate results need.
TRANSIENTS_SIZE = "iree.abi.transients.size.constant"
#: The initial value of a global whose numbers come with the module at run time.
PARAMETER = "#flow.parameter.named"
#: What an executable target says of a CPU; `FEATURES` is a list with commas.
CPU, TRIPLE, VECTOR_BYTES, FEATURES = "cpu", "target_triple", "native_vector_size", "cpu_features"
#: What the Vulkan driver says of a device that IREE's modules run on.
VULKAN_TIER = "feature_tier[vulkan-1.3]"


def shader_pipeline(threads: int) -> str:
    """The attribute of a function that is one thread's code for a GPU, for so many threads a workgroup.

    By it IREE lowers the body to SPIR-V as it is, and neither tiles nor distributes it.
    """
    size = f"workgroup_size = [{threads}, 1, 1]"
    return f"#iree_codegen.translation_info<pipeline = #iree_gpu.spirv_pipeline<BaseLowering> {size}>"


# Flags of iree-compile. Those that end in `=` want a value.

OPT_LEVEL = "--iree-opt-level="
#: The same input gives the same bytes, and no path of the build machine is in them.
REPRODUCIBLE = ("--iree-vm-bytecode-module-strip-source-map=true", "--iree-llvmcpu-debug-symbols=false")
KEEP_F64 = "--iree-input-demote-f64-to-f32=false"
CPU_DEVICE = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu")
CPU_TRIPLE = "--iree-llvmcpu-target-triple="
CPU_NAME = "--iree-llvmcpu-target-cpu="
VULKAN_DEVICE = "--iree-hal-target-device=vulkan"
VULKAN_TARGET = "--iree-vulkan-target="
VULKAN_FEATURES = "--iree-vulkan-target-features="
VULKAN_ABI = "--iree-vulkan-dispatch-abi="
#: Kernels of branches run side by side.
CONCURRENT = "--iree-stream-partitioning-favor=max-concurrency"
DATA_TILING = "--iree-opt-data-tiling"
EXECUTION_MODEL = "--iree-execution-model="
#: The phase to stop after: `input`, `flow` or `stream`.
COMPILE_TO = "--compile-to="
#: Constants of more than 4 numbers are not printed.
ELIDE = ("--mlir-elide-elementsattrs-if-larger=4", "--mlir-elide-resource-strings-if-larger=4")
#: Folders that get the assembly (`*.s`), and the shaders (`*.spv`).
DUMP_FILES = "--iree-hal-dump-executable-files-to="
DUMP_BINARIES = "--iree-hal-dump-executable-binaries-to="

# Flags of the runtime and its programs.

#: How many threads local-task has; process-wide, 0 for IREE's choice.
TASK_THREADS = "--task_topology_group_count="
#: `host-execution` or `dispatch-events`, and where the profile goes.
PROFILING_MODE = "--device_profiling_mode="
PROFILING_OUTPUT = "--device_profiling_output="
#: What iree-profile is asked for: a line of JSON for each dispatch.
DISPATCH_EVENTS = ("dispatch", "--dispatch_events", "--format=jsonl")

# Pass pipelines: those of IREE's bindings, then those of torch-mlir's.

STRIP_DEBUGINFO = "builtin.module(strip-debuginfo)"
GENERALIZE = "builtin.module(func.func(linalg-generalize-named-ops))"
TORCH_TO_IREE = "builtin.module(torch-to-iree)"

INLINE = "builtin.module(inline)"
TORCH_TO_ARITH = "builtin.module(func.func(convert-torch-to-arith))"
ONNX_TO_TORCH = (
    "builtin.module(torch-onnx-to-torch-backend-pipeline{backend-legal-ops=aten.flatten.using_ints,aten.unflatten.int})"
)

# Private names of Python packages.


def find_compiler_program(name: str) -> str:
    """The path of a program of iree.compiler, which heeds IREE_TOOL_PATH. Raises ImportError or ValueError without."""
    from iree.compiler.tools.binaries import find_tool

    return find_tool(name)


def runtime_programs() -> Path:
    """The folder of the programs of iree.runtime."""
    import iree.runtime

    return Path(iree.runtime.__file__).parents[1] / "_runtime_libs"


def forget_drivers() -> None:
    """IREE keeps each driver that it makes; afterwards a device gets a new one, which reads the flags again."""
    from iree.runtime._binding import clear_hal_driver_cache  # pyright: ignore[reportAttributeAccessIssue]  # no stub

    clear_hal_driver_cache()


def buffer_view_of(array: Any) -> tuple[Any, Any]:
    """The buffer view of an iree.runtime.DeviceArray, and its device."""
    return array._buffer_view, array._device


def literal_type(importer: Any, tensor: Any) -> Any:
    """The type that torch-mlir's FX importer gives a literal: !torch.vtensor."""
    return importer._cc.tensor_to_vtensor_type(tensor)


def onnx_importer_parts(importer: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Of torch-mlir's ONNX NodeImporter: what makes types, the block, and the values by name, to add to."""
    return importer._cc, importer._b, importer._nv_map
