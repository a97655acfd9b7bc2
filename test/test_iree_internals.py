"""What may move with a version of IREE or torch-mlir. Whoever changes one runs this file first: it takes seconds.

Each test fails in the name of what moved, and says which of our files use it.
"""

import ast
import contextlib
import functools
import os
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import iree.compiler.ir as ir
import iree.runtime
import numpy as np
import onnx
import pytest
import torch
import vulkan
from iree.compiler.dialects import arith, memref
from iree.compiler.passmanager import PassManager
from torch_mlir import ir as torch_ir
from torch_mlir import passmanager as torch_passmanager
from torch_mlir.dialects import torch as torch_dialect

from rt3d_mlir.bench import profiler
from rt3d_mlir.compile.arena import compile_with_arena
from rt3d_mlir.frontend.onnx_import import to_linalg
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.ir_io.weights import WeightTable
from rt3d_mlir.iree import internals
from rt3d_mlir.iree.command import iree_compile
from rt3d_mlir.iree.programs import compiler_program, runtime_program
from rt3d_mlir.passes.emit import vectors
from rt3d_mlir.passes.emit.dispatch import Body, GpuLaunch, KernelCode, emit_dispatch
from rt3d_mlir.targets import find_target

ROOT = Path(__file__).parents[1]
HERE = "rt3d_mlir/iree/internals.py"
SIZE = 64
#: Names of IREE's dialects, and flags.
WORDS = re.compile(
    r"(?<![\w./@-])(?:(?:flow|hal|util|stream|vm|iree_\w+)(?!\.mlir)(?:\.[a-z_]+)+"
    r"|--(?:iree|mlir|compile-to|task|device_profiling)[\w-]*)"
)
OPS = [name for name, value in vars(internals).items() if re.fullmatch(r"(flow|util|hal)(\.[a-z_]+)+", str(value))]
IREE_PASSES = ("STRIP_DEBUGINFO", "GENERALIZE", "TORCH_TO_IREE")
TORCH_PASSES = ("INLINE", "TORCH_TO_ARITH", "ONNX_TO_TORCH")
RUNTIME_FLAGS = ("TASK_THREADS", "PROFILING_MODE", "PROFILING_OUTPUT")
FLAGS = [
    (name, flag)
    for name, value in vars(internals).items()
    for flag in ((value,) if isinstance(value, str) else value if isinstance(value, tuple) else ())
    if name.isupper() and name not in (*RUNTIME_FLAGS, "DISPATCH_EVENTS") and flag.startswith("--")
]


@functools.cache
def sources() -> dict[str, str]:
    """The text of our modules, by their path in the repository."""
    found = (path for top in ("passes", "rt3d_mlir", "tools") for path in sorted((ROOT / top).rglob("*.py")))
    real = (path for path in found if path.resolve() == path)
    return {str(path.relative_to(ROOT)): path.read_text() for path in real if path != ROOT / HERE}


def users(*names: str) -> list[str]:
    return [path for path, text in sources().items() if any(re.search(rf"internals\.{name}\b", text) for name in names)]


@contextlib.contextmanager
def moved(*names: str, why: str = "") -> Iterator[None]:
    """Says, of whatever goes wrong, which names of ours are behind it."""
    try:
        yield
    except Exception as error:
        values = {name: getattr(internals, name) for name in names}
        named = (f"{name} = {it!r}" if isinstance(it, (str, tuple)) else name for name, it in values.items())
        using = sorted({*users(*names), *(internals.TEXTS if "TEXTS" in names else ())})
        pytest.fail(f"{HERE}: {', '.join(named)} {why}\nused in {', '.join(using)}\n{error}")


@functools.cache
def nodes(path: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(sources()[path], path)))


def words(path: str) -> set[str]:
    """The names of IREE's dialects, and the flags, in the strings of a file that are no docstrings."""
    docs = {id(node.value) for node in nodes(path) if isinstance(node, ast.Expr)}
    strings = (node for node in nodes(path) if isinstance(node, ast.Constant) and id(node) not in docs)
    return {word for node in strings if isinstance(node.value, str) for word in WORDS.findall(node.value)}


def private_names(path: str) -> set[str]:
    """What a file that imports IREE or torch-mlir reads of other objects by names that begin with an underscore."""
    imports = {node.module or "" for node in nodes(path) if isinstance(node, ast.ImportFrom)}
    imports |= {alias.name for node in nodes(path) if isinstance(node, ast.Import) for alias in node.names}
    theirs = {name for name in imports if re.match(r"(iree|torch_mlir)\b", name)}
    own = {node.name for node in nodes(path) if isinstance(node, ast.FunctionDef)}
    read = {
        node.attr
        for node in nodes(path)
        # An ATen op whose name begins with an underscore is in PyTorch's registry like any other.
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "torch.ops.aten")
    }
    hidden = {name for name in read - own if re.match(r"_[a-z]", name)}
    return {name for name in theirs if "._" in name} | (hidden if theirs else set())


def test_all_that_is_used_is_listed():
    texts = {path: words(path) for path in sources()}
    listed = {path: set(names) for path, names in internals.TEXTS.items()}
    assert {path: found for path, found in texts.items() if found} == listed, f"names of IREE that belong to {HERE}"
    hidden = {path: private_names(path) for path in sources()}
    assert {path: found for path, found in hidden.items() if found} == {}, f"private names that belong to {HERE}"


def test_all_that_is_listed_is_used():
    names = [name for name in vars(internals) if not re.search(r"^_|^TEXTS$|^Path$|^Any$", name)]
    assert [name for name in names if not users(name)] == []


@pytest.mark.parametrize("name", OPS)
def test_ops(name: str):
    with moved(name, why="is no op of IREE's"), ir.Context() as context:
        context.load_all_available_dialects()
        assert context.is_registered_operation(getattr(internals, name))


@pytest.mark.parametrize("text", ["!hal.buffer", "!hal.device", "!hal.allocator"])
def test_types(text: str):
    with moved("TEXTS", why="has a type that IREE does not know"), ir.Context():
        ir.Type.parse(text)


def test_parameters():
    with moved("PARAMETER", why="is not how IREE writes a parameter"), ir.Context():
        value = f'{internals.PARAMETER}<"scope"::"weight"> : tensor<2xf32>'
        assert str(ir.Attribute.parse(value)) == value


@pytest.mark.parametrize("name", IREE_PASSES)
def test_passes_of_iree(name: str):
    with moved(name, why="is no pass pipeline of iree.compiler"), ir.Context():
        PassManager.parse(getattr(internals, name))


@pytest.mark.parametrize("name", TORCH_PASSES)
def test_passes_of_torch_mlir(name: str):
    with moved(name, why="is no pass pipeline of torch-mlir"), torch_ir.Context() as context:
        torch_dialect.register_dialect(context)
        torch_passmanager.PassManager.parse(getattr(internals, name))


@functools.cache
def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("name", "flag"), FLAGS)
def test_flags_of_iree_compile(name: str, flag: str):
    known = re.findall(r"^ +(--[\w-]+)", output(compiler_program(), "--help-hidden"), re.M)
    with moved(name, why="is no flag of iree-compile"):
        assert flag.partition("=")[0] in known, f"iree-compile --help-hidden does not list {flag}"


@pytest.mark.parametrize("name", RUNTIME_FLAGS)
def test_flags_of_the_runtime(name: str):
    with moved(name, why="is no flag of IREE's runtime"):
        assert getattr(internals, name).rstrip("=") in output(runtime_program("iree-benchmark-module"), "--help")


@pytest.mark.parametrize(
    "target", ["host", "cortex-a76", "vulkan-adreno", "vulkan-mali", "vulkan-lavapipe", "vulkan-nvidia"]
)
def test_targets(target: str, tmp_path: Path):
    """iree-compile takes the values of a preset's flags, and says of the CPU what is read of it."""
    source, lowered = tmp_path / "empty.mlir", tmp_path / "lowered.mlir"
    source.write_text("func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }")
    flags = ("CPU_DEVICE", "CPU_TRIPLE", "CPU_NAME", "VULKAN_DEVICE", "VULKAN_TARGET", "VULKAN_FEATURES", "VULKAN_ABI")
    with moved(*flags, "CONCURRENT", "KEEP_F64", "COMPILE_TO", why=f"in the flags of {target} are not IREE's"):
        more = [internals.KEEP_F64, internals.COMPILE_TO + "flow"]
        iree_compile(source, lowered, [*find_target(target).iree_flags, *more])
    if target == "host":
        for name in ("CPU", "TRIPLE", "VECTOR_BYTES", "FEATURES"):
            with moved(name, why="is not in what IREE says of a CPU"):
                assert re.search(rf"\b{getattr(internals, name)} = ", lowered.read_text()), lowered.read_text()


def adding(number: float, launch: GpuLaunch | None) -> Body:
    """The body of a kernel; on a GPU each thread does 4 numbers."""

    def body(bindings: list[ir.Value], ids: list[ir.Value]) -> None:
        x, out = bindings
        if launch:
            memref.store(arith.addf(memref.load(x, [ids[3]]), vectors.splat(number, 4)), out, [ids[3]])
        else:
            zero = vectors.index(0)
            vectors.store_vector(arith.addf(vectors.load_vector(x, zero, SIZE), vectors.splat(number, SIZE)), out, zero)

    return body


def module_of_kernels(launch: GpuLaunch | None = None) -> ir.Module:
    """(x + 1) + 2, by two kernels of ours, for IREE keeps one of two that are alike."""
    kind = f"tensor<{SIZE}xf32>"
    module = ir.Module.parse(f"func.func @main(%x: {kind}) -> {kind} {{ return %x : {kind} }}")
    block = module.body.operations[0].regions[0].blocks[0]
    leave, value = block.operations[0], block.arguments[0]
    with ir.InsertionPoint(leave):
        for name, number in (("one", 1.0), ("two", 2.0)):
            code = KernelCode((1, 1, 1), adding(number, launch), launch)
            value = emit_dispatch(module, name, [value], ir.RankedTensorType(value.type), code)
    leave.operation.operands[0] = value
    return module


def run(vmfb: Path, *arrays: np.ndarray) -> np.ndarray:
    config = iree.runtime.Config("local-sync")
    module = iree.runtime.VmModule.mmap(config.vm_instance, str(vmfb))
    return np.array(iree.runtime.load_vm_module(module, config)["main"](*arrays).to_host())


def test_a_kernel_in_an_arena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Text of hal ops, the arena's size in IREE's text and in the module, the assembly, and a profile of each call."""
    x, source, vmfb = np.arange(SIZE, dtype=np.float32), tmp_path / "module.mlirbc", tmp_path / "module.vmfb"
    flags = [*find_target("host").iree_flags, f"{internals.DUMP_FILES}{tmp_path}"]
    with moved("DISPATCH", "EXECUTABLE", "TEXTS", "TRANSIENTS", why="do not make kernels and an arena as they did"):
        with ir.Context(), ir.Location.unknown():
            size = compile_with_arena(module_of_kernels(), WeightTable(), flags, source, vmfb, lambda _: None)
        np.testing.assert_array_equal(run(vmfb, x), x + 3)
    with moved("TRANSIENTS_SIZE", "ELIDE", "COMPILE_TO", why="do not say how large the arena has to be"):
        assert size >= 4 * SIZE
    with moved("DUMP_FILES", why="leaves no assembly"):
        assert any("\none:" in path.read_text() for path in tmp_path.glob("*.s"))
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr(profiler, "WARM_UP", 0.001)  # so small a kernel would run some 100,000 times
    with moved("PROFILING_MODE", "PROFILING_OUTPUT", "DISPATCH_EVENTS", why="do not show the time of each kernel"):
        (call,) = profiler.profile_calls(vmfb, tmp_path / "x.npy", 1)
        assert len(call.dispatches) == 2


def test_a_shader(tmp_path: Path):
    """What IREE makes of a thread's code has that many threads a workgroup, and was not distributed again."""
    source, vmfb = tmp_path / "module.mlir", tmp_path / "module.vmfb"
    flags = [*find_target("vulkan-mali").iree_flags, f"{internals.DUMP_BINARIES}{tmp_path}"]
    launch = GpuLaunch(SIZE // 4)
    local_size = struct.pack("<4I", 17, launch.threads, 1, 1)  # of OpExecutionMode
    with ir.Context(), ir.Location.unknown():
        with moved("TEXTS", "shader_pipeline", why="are IR that IREE does not know"):
            source.write_text(str(module_of_kernels(launch)))
        with moved("DUMP_BINARIES", "shader_pipeline", why="do not make shaders of our kernels"):
            iree_compile(source, vmfb, flags)
            shaders = [path.read_bytes() for path in tmp_path.glob("*.spv")]
            assert [local_size in shader for shader in shaders] == [True, True], "not the threads that were asked for"


def test_tensors_in_place(tmp_path: Path):
    """A tensor without contents whose parts are written, a clone, and what is not evaluated when compiled."""
    source, vmfb = tmp_path / "module.mlir", tmp_path / "module.vmfb"
    source.write_text(f"""func.func @main(%x: tensor<4xf32>) -> tensor<8xf32> {{
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %ones = {internals.BARRIER} %one : tensor<4xf32>
  %copy = {internals.CLONE} %x : tensor<4xf32>
  %0 = {internals.ALLOCA} : tensor<8xf32>
  %1 = {internals.UPDATE} %copy, %0[%c0] : tensor<4xf32> -> %0 as tensor<8xf32>
  %2 = {internals.UPDATE} %ones, %1[%c4] : tensor<4xf32> -> %1 as tensor<8xf32>
  return %2 : tensor<8xf32>
}}""")
    with moved("ALLOCA", "UPDATE", "CLONE", "BARRIER", why="do not compute what they did"):
        iree_compile(source, vmfb, find_target("host").iree_flags)
        x = np.arange(4, dtype=np.float32)
        np.testing.assert_array_equal(run(vmfb, x), [*x, 1, 1, 1, 1])


def test_a_vulkan_device():
    environment = {**os.environ, "VK_DRIVER_FILES": vulkan.driver()}
    command = [runtime_program("iree-run-module"), "--dump_devices=vulkan"]
    with moved("VULKAN_TIER", why="is not what IREE calls the devices that run its modules"):
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        assert f"{internals.VULKAN_TIER}: supported" in said, said


def test_private_names_of_iree():
    with moved("forget_drivers", why="cannot make IREE read its flags again"):
        iree.runtime.flags.parse_flags(f"{internals.TASK_THREADS}0")
        internals.forget_drivers()
    device = iree.runtime.get_driver("local-sync").create_default_device()
    array = iree.runtime.asdevicearray(device, np.ones((2, 3), np.float32))
    with moved("buffer_view_of", why="cannot get at the buffer of an array"):
        view, its_device = internals.buffer_view_of(array)
        assert (list(view.shape), its_device) == ([2, 3], device)
    with moved("find_compiler_program", "runtime_programs", why="do not find IREE's programs"):
        assert Path(internals.find_compiler_program("iree-compile")).is_file()
        assert (internals.runtime_programs() / "iree-run-module").is_file()


def test_private_names_of_torch_mlir():
    """Weights reach the side table by their names, and not the IR: of a torch module, and of an ONNX graph."""
    with moved("literal_type", why="cannot make a weight a handle"), ir.Context(), ir.Location.unknown():
        module, weights = import_torch(torch.nn.Linear(3, 2), (torch.zeros(1, 3),))
        assert "weight" in weights
        assert "dense_resource<weight>" in str(module)
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    kinds = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 2]) for name in "xy"]
    weight = onnx.numpy_helper.from_array(np.eye(2, dtype=np.float32), "w")
    graph = onnx.helper.make_graph([node], "main", kinds[:1], kinds[1:], [weight])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    with moved("onnx_importer_parts", "ONNX_TO_TORCH", why="cannot make an initializer a handle"):
        assert "dense_resource<w>" in to_linalg(model, {"w": np.eye(2, dtype=np.float32)})
