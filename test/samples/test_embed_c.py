"""The C sample: compiled with warnings as errors and run, under sanitizers, on a runtime that counts what it hands out.

With IREE_SOURCE_DIR it is compiled against IREE's own headers too, which must declare what we declared; and where the
runtime is built there (../iree-build or build), it runs a real artifact in both forms.
"""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nets
import numpy as np
import pytest
import torch
from samples.embed_c_build import (
    CHECKS,
    CLASSES,
    CORE,
    DECLARED,
    EMBED_C,
    IREE,
    IREE_HEADERS,
    MANIFEST,
    SANITIZE,
    SHAPE,
    build,
    build_with_stub,
    cmake,
    compilers,
    stub_artifact,
)

import rt3d_mlir
from rt3d_mlir.compile.artifact_writer import write_artifact
from rt3d_mlir.targets import get_target


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("embed_c") / "classify"
    return build_with_stub(path, *SANITIZE, EMBED_C / "main.c", EMBED_C / "print.c")


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A folder as rt3d-mlir-compile writes it; what stands for the module is read by the stub."""
    return stub_artifact(tmp_path / "artifact")


def run(program: Path, *arguments: Path, fail: int = 0) -> tuple[int, str, str, int]:
    """Exit code, stdout, stderr, and how many calls could have failed. All that was made must have been released."""
    log = program.with_name("log")
    log.unlink(missing_ok=True)
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "STUB_LOG": str(log), "STUB_FAIL": str(fail)},
    )
    calls = 0
    if log.exists():
        numbers = [int(number) for number in re.findall(r"\d+", log.read_text())]
        calls, freed, made, statuses_freed, statuses_made = numbers
        assert (freed, statuses_freed) == (made, statuses_made), done.stderr
    assert "Sanitizer" not in done.stderr, done.stderr
    assert "runtime error" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr, calls


def top5(scores: np.ndarray) -> list[int]:
    return list(np.argsort(-scores, kind="stable")[:5])


def shown(out: str) -> list[int]:
    return [int(line.split()[0]) for line in out.splitlines()[:5]]


def test_golden_input(program: Path, artifact: Path):
    code, out, err, _ = run(program, artifact)
    assert (code, err) == (0, "")
    assert shown(out) == top5(np.load(artifact / "golden" / "output_0.npy")[0])
    assert "largest error on the golden data: 0, the limit is 1e-05" in out


def test_raw_file_and_labels(program: Path, artifact: Path):
    clip = np.zeros(SHAPE, np.float32)
    clip.ravel()[:CLASSES] = [1, 3, 3, -2, 0, 7, 5]  # two are equal: the lower class first
    clip.tofile(artifact / "clip.f32")
    (artifact / "labels.txt").write_text("\n".join(f"label {i}" for i in range(CLASSES)))  # no end of the last
    code, out, err, _ = run(program, artifact, artifact / "clip.f32")
    assert (code, err) == (0, "")
    lines = [line.split(maxsplit=2) for line in out.splitlines()]
    assert lines == [[str(i), str(s), f"label {i}"] for i, s in ((5, 7), (6, 5), (1, 3), (2, 3), (0, 1))]


def test_every_call_may_fail(program: Path, artifact: Path):
    """The exit code, the message and the releases are right whichever call of the runtime fails."""
    *_, calls = run(program, artifact)
    assert calls == 10
    for n in range(1, calls + 1):
        code, _, err, seen = run(program, artifact, fail=n)
        assert (code, seen) == (1, n)
        assert "was told to fail" in err


def edit(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        manifest = copy.deepcopy(MANIFEST)
        change(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return apply


CANNOT_RUN = "this program runs classifiers of one clip"
WRONG = {
    "no folder": (shutil.rmtree, "manifest.json cannot be opened (No such file or directory): check the path"),
    "not ours": (lambda f: (f / "manifest.json").write_text("[1]"), "no manifest of rt3d-mlir-compile"),
    "empty": (lambda f: (f / "manifest.json").write_text(""), "no manifest of rt3d-mlir-compile"),
    "version": (edit(lambda m: m.update(version=2)), "has version 2, this program reads version 1: compile again"),
    "two inputs": (edit(lambda m: m["inputs"].append(m["inputs"][0])), CANNOT_RUN),
    "f16": (edit(lambda m: m["outputs"][0].update(dtype="float16")), CANNOT_RUN),
    "rank 4": (edit(lambda m: m["inputs"][0]["shape"].pop()), CANNOT_RUN),
    "batch of 2": (edit(lambda m: m["outputs"][0].update(shape=[2, 7])), CANNOT_RUN),
    "huge": (edit(lambda m: m["inputs"][0].update(shape=[1, 65536, 65536, 65536, 65536])), CANNOT_RUN),
    "no tolerance": (edit(lambda m: m.pop("tolerance")), "the manifest lacks triple, device, entry, tolerance or"),
    "long entry": (edit(lambda m: m.update(entry="m" * 64)), "the manifest lacks triple, device, entry, tolerance or"),
    "machine": (edit(lambda m: m.update(triple="riscv64-linux")), "the module is for riscv64-linux, this program was"),
    "device": (edit(lambda m: m.update(device="vulkan")), "no device of driver vulkan: the module needs it"),
    "entry": (edit(lambda m: m.update(entry="other")), "the module has no function module.other"),
    "no module": (lambda f: (f / "module.vmfb").unlink(), "the runtime must be IREE 3.13.0, which compiled it"),
    "other input": (
        lambda f: (f / "module.vmfb").write_text("3x4x8x9 7"),
        "module and manifest are not of one compile",
    ),
    "other output": (lambda f: (f / "module.vmfb").write_text("3x4x8x8 6"), "is not the 1 x 7 float32 of the manifest"),
    "no golden": (lambda f: (f / "golden" / "input_0.npy").unlink(), "input_0.npy cannot be opened"),
    "golden shape": (
        lambda f: np.save(f / "golden" / "input_0.npy", np.zeros(9, np.float32)),
        "not 768 float32 numbers",
    ),
    "golden dtype": (lambda f: np.save(f / "golden" / "input_0.npy", np.zeros(SHAPE[1:] * 1, "i4")), "not 768 float32"),
    "golden text": (lambda f: (f / "golden" / "input_0.npy").write_text("no"), "not a .npy file"),
    "answer": (lambda f: np.save(f / "golden" / "output_0.npy", np.zeros((1, 7), np.float32)), "answers wrongly"),
    "answer nan": (lambda f: np.save(f / "golden" / "output_0.npy", np.full((1, 7), np.nan, "f4")), "answers wrongly"),
    "a cut header": (
        lambda f: (f / "golden" / "input_0.npy").write_bytes(b"\x93NUMPY\x01\x00\x75\x00" + bytes(3200)),
        "not a .npy file",
    ),
    "labels": (lambda f: (f / "labels.txt").write_text("a\nb\n"), "labels.txt has 2 lines, the module 7 classes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong(name: str, program: Path, artifact: Path):
    change, message = WRONG[name]
    change(artifact)
    code, _, err, _ = run(program, artifact)
    assert code == 1
    assert message in err


def test_a_gpu_has_no_machine(program: Path, artifact: Path):
    """A Vulkan module's triple names no CPU: what is wrong on the stub is that it has no such driver."""
    edit(lambda m: m.update(device="vulkan", triple="spirv"))(artifact)
    code, _, err, _ = run(program, artifact)
    assert code == 1
    assert "no device of driver vulkan" in err


@pytest.mark.parametrize(("size", "numbers"), [(400, 100), (4 * 768 + 1, 769)])
def test_a_clip_of_another_size(size: int, numbers: int, program: Path, artifact: Path):
    (artifact / "clip.f32").write_bytes(bytes(size))
    code, _, err, _ = run(program, artifact, artifact / "clip.f32")
    assert code == 1
    assert f"got a clip of {numbers} numbers" in err
    assert "the module takes 1x3x4x8x8 (768 numbers) and answers 7 scores" in err


def test_damaged_manifests(program: Path, artifact: Path):
    """Cut off anywhere, or with bytes changed, a manifest is read or refused, and nothing beyond it is touched."""
    text, random = (artifact / "manifest.json").read_bytes(), np.random.default_rng(0)
    for _ in range(12):
        damaged = bytearray(text[: random.integers(1, len(text))])
        (artifact / "manifest.json").write_bytes(damaged)
        assert run(program, artifact)[0] == 1
        damaged = bytearray(text)
        for at in random.integers(0, len(text), 4):
            damaged[at] = random.choice(bytearray(b'[]{}",\\ 9e-x'))
        (artifact / "manifest.json").write_bytes(damaged)
        assert run(program, artifact)[0] in (0, 1)


def test_usage(program: Path):
    code, _, err, _ = run(program)
    assert code == 2
    assert "usage: " in err


def test_static_form(tmp_path: Path):
    """All in the program: it runs in an empty folder, and releases the device's parts whichever call fails."""
    folder = stub_artifact(tmp_path / "artifact")
    names = {"MANIFEST": "manifest.json", "MODULE": "module.vmfb"}
    names |= {"GOLDEN_INPUT": "golden/input_0.npy", "GOLDEN_OUTPUT": "golden/output_0.npy"}
    define = [f'-D{key}="{folder / name}"' for key, name in names.items()]
    sources = [EMBED_C / name for name in ("static_main.c", "print.c", "embedded.S")]
    program = build_with_stub(tmp_path / "classify_static", *SANITIZE, *define, *sources)
    wanted = top5(np.load(folder / "golden" / "output_0.npy")[0])
    shutil.rmtree(folder)
    code, out, err, calls = run(program)
    assert (code, err) == (0, "")
    assert shown(out) == wanted
    assert calls == 13
    for n in range(1, calls + 1):
        code, _, err, seen = run(program, fail=n)
        assert (code, seen) == (1, n)
        assert "was told to fail" in err


@pytest.mark.parametrize("compiler", compilers())
def test_each_compiler(compiler: str, tmp_path: Path):
    sources = [EMBED_C / name for name in (*CORE, "main.c", "print.c", "static_main.c")]
    command = [compiler, *CHECKS, "-O2", f"-I{DECLARED}", "-c", *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_real_headers(tmp_path: Path):
    """What the stub declares is what IREE declares, and the sample compiles against IREE's headers."""
    if IREE is None:
        pytest.skip("embed_c was compiled against our declared prototypes; IREE_SOURCE_DIR=... uses IREE's headers")
    own = [str(path.relative_to(DECLARED)) for path in (DECLARED / "iree").rglob("*.h")]
    both = "".join(f'#include "{path}"\n' for path in [*own, DECLARED / "functions.h"])
    (tmp_path / "both.c").write_text(both)
    build(tmp_path / "both.o", *IREE_HEADERS, tmp_path / "both.c")
    for name in (*CORE, "main.c", "print.c", "static_main.c"):
        build(tmp_path / "one.o", *IREE_HEADERS, EMBED_C / name)


def needs_cmake() -> None:
    if shutil.which("cmake") is None:
        pytest.skip("the CMake files of embed_c were not run: install cmake")


@pytest.mark.parametrize("option", ["IREE_SOURCE_DIR", "CMAKE_PREFIX_PATH"])
def test_cmake(option: str, tmp_path: Path):
    """Both ways to name IREE, and all targets, on the stub."""
    needs_cmake()
    package = tmp_path / "iree" / "lib" / "cmake" / "IREE" / "IREERuntimeConfig.cmake"
    package.parent.mkdir(parents=True)
    package.write_text(f"include({DECLARED}/CMakeLists.txt)\n")
    iree = {option: DECLARED if option == "IREE_SOURCE_DIR" else tmp_path / "iree"}
    folder, kernels = stub_artifact(tmp_path / "artifact"), build(tmp_path / "none.o", "-c", "-xc", "/dev/null")
    options = iree | {"RT3D_ARTIFACT": folder, "RT3D_OBJECT": kernels, "CMAKE_C_FLAGS": "-Werror"}
    cmake(EMBED_C, tmp_path / "build", "classify", "classify_static", **options)
    wanted = top5(np.load(folder / "golden" / "output_0.npy")[0])
    code, out, err, _ = run(tmp_path / "build" / "classify", folder)
    assert (code, shown(out), err) == (0, wanted, "")
    code, out, err, _ = run(tmp_path / "build" / "classify_static")
    assert (code, shown(out), err) == (0, wanted, "")
    code, _, err, _ = run(tmp_path / "build" / "classify", tmp_path)
    assert code == 1
    assert err.startswith("files.c:")  # no folder of the machine that built it


@pytest.mark.parametrize("way", ["built", pytest.param("source", marks=pytest.mark.slow)])
def test_real_runtime(way: str, tmp_path: Path):
    """A real net in both forms, with nothing leaked by us or IREE."""
    needs_cmake()
    folders = [Path(IREE or "", name) for name in ("../iree-build", "build")]
    built = next((folder for folder in folders if (folder / "lib/cmake/IREE").is_dir()), None)
    if IREE is None or (way == "built" and built is None):
        pytest.skip("embed_c ran on a stub of the runtime; with IREE_SOURCE_DIR=... built, it runs on IREE's")
    folder, objects = tmp_path / "artifact", tmp_path / "kernels.o"
    exported = rt3d_mlir.export(nets.seeded(nets.Net), (torch.zeros(nets.CLIP),))
    write_artifact(exported.job(get_target("host")), folder, dump_ir=tmp_path / "ir")
    shutil.copytree(folder, tmp_path / "static")
    flags = ["--iree-llvmcpu-link-embedded=false", "--iree-llvmcpu-link-static"]
    flags += [f"--iree-llvmcpu-static-library-output-path={objects}", *get_target("host").iree_flags]
    compiler = Path(sys.executable).with_name("iree-compile")
    module = tmp_path / "static" / "module.vmfb"
    subprocess.run([compiler, tmp_path / "ir" / "module.mlirbc", "-o", module, *flags], check=True)
    options = {"RT3D_ARTIFACT": tmp_path / "static", "RT3D_OBJECT": objects, "CMAKE_BUILD_TYPE": "Debug"}
    options |= {"CMAKE_C_FLAGS": " ".join(SANITIZE), "CMAKE_CXX_FLAGS": " ".join(SANITIZE)}
    options |= {"IREE_SOURCE_DIR": IREE} if way == "source" else {"CMAKE_PREFIX_PATH": built}
    cmake(EMBED_C, tmp_path / "build", "classify", "classify_static", **options)
    wanted = top5(np.load(folder / "golden" / "output_0.npy")[0])
    for name, arguments in (("classify", [folder]), ("classify_static", [])):
        done = subprocess.run([tmp_path / "build" / name, *arguments], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert shown(done.stdout) == wanted
