"""Compiles samples/embed_c as the tests of it and of the Android app need it: against the declared prototypes in
iree_declared/, with iree_stub.c for the runtime."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
EMBED_C = HERE.parents[1] / "samples" / "embed_c"
CORE = ("classifier.c", "clip.c", "files.c", "manifest.c")
DECLARED = HERE / "iree_declared"
CHECKS = ("-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Werror")
IREE = os.environ.get("IREE_SOURCE_DIR")
IREE_HEADERS = ("-isystem", f"{IREE}/runtime/src", "-DIREE_ALLOCATOR_SYSTEM_CTL=iree_allocator_libc_ctl", "-c")
SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

SHAPE, CLASSES = (1, 3, 4, 8, 8), 7
MANIFEST = {
    "format": "rt3d-artifact",
    "version": 1,
    "device": "local-task",
    "entry": "main",
    "inputs": [{"dtype": "float32", "name": "x", "shape": list(SHAPE)}],
    "layers": [{"name": 'a "quoted" ] one', "reason": "}", "kept_share": 0.5}],
    "outputs": [{"dtype": "float32", "name": "output_0", "shape": [1, CLASSES]}],
    "tolerance": 1e-5,
    "tools": {"iree_compiler": "3.13.0"},
    "triple": f"{os.uname().machine}-unknown-linux-gnu",
}


def compilers() -> list[str]:
    """gcc, clang, or both."""
    found = [path for name in ("gcc", "clang") if (path := shutil.which(name))]
    assert found, "no C compiler: install gcc and libc6-dev"
    return found


def cmake(source: Path, folder: Path, *targets: str, **options: str | Path) -> None:
    """Builds targets of a CMake project in `folder`."""
    define = [f"-D{key}={value}" for key, value in options.items()]
    for command in (
        ["cmake", "-S", str(source), "-B", str(folder), *define],
        ["cmake", "--build", str(folder), "--target", *targets],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def build(output: Path, *arguments: str | Path) -> Path:
    """Runs a compiler on sources of ours, with warnings as errors."""
    command = [compilers()[0], *CHECKS, f"-I{EMBED_C}", *arguments, "-o", output]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


def build_with_stub(output: Path, *arguments: str | Path) -> Path:
    """The core and these sources, linked with the runtime that counts."""
    core = [EMBED_C / name for name in CORE]
    return build(output, f"-I{DECLARED}", *core, HERE / "iree_stub.c", *arguments, "-lm")


def stub_artifact(folder: Path) -> Path:
    """Fills the folder as rt3d-mlir-compile does; what stands for the module is read by the stub."""
    (folder / "golden").mkdir(parents=True)
    clip = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    np.save(folder / "golden" / "input_0.npy", clip)
    np.save(folder / "golden" / "output_0.npy", clip.reshape(1, -1)[:, :CLASSES])
    (folder / "module.vmfb").write_text(f"3x4x8x8 {CLASSES}\n")
    (folder / "manifest.json").write_text(json.dumps(MANIFEST, sort_keys=True, indent=2))
    return folder
