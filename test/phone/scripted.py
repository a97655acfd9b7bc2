"""An artifact and a runtime that are never run: the phone's answers are scripts."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
from phone.fake_phone import FakePhone

from rt3d_mlir.runtime.artifact import Layer, Manifest, TensorSpec, sha256_file

CPU = Manifest(
    tools={"iree_compiler": "3.13.0"},
    model="tiny",
    target="cortex-a76",
    triple="aarch64-none-linux-android29",
    cpu="cortex-a76",
    inputs=[TensorSpec("x", (2,), "float32")],
    outputs=[TensorSpec("output_0", (2,), "float32")],
    files={},
    layers=[Layer("fc", (2, 2), 4, 4, 1.0, False, "there is none")],
    sparsity={"group": "8x4"},
)
GPU = replace(CPU, target="vulkan-adreno", triple="spirv", cpu="adreno", device="vulkan", dtype="f16")


def artifact(folder: Path, manifest: Manifest = CPU) -> Path:
    (folder / "golden").mkdir(parents=True)
    (folder / "module.vmfb").write_bytes(b"a module")
    for name in ("input_0", "output_0"):
        np.save(folder / "golden" / f"{name}.npy", np.zeros(2, np.float32))
    files = ("module.vmfb", "golden/input_0.npy", "golden/output_0.npy")
    replace(manifest, files={name: sha256_file(folder / name) for name in files}).write(folder)
    return folder


def elf(machine: int = 183, interpreter: str = "/system/bin/linker64") -> bytes:
    """A header that asks for a loader, and nothing else."""
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    )
    text = interpreter.encode() + b"\0"
    return header + struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(text), len(text), 1) + text


def runtime(folder: Path, program: bytes | None = None) -> Path:
    folder.mkdir(parents=True)
    for name in ("iree-run-module", "iree-benchmark-module"):
        (folder / name).write_bytes(program or elf())
    return folder


def glibc(folder: Path, description: str = '{"iree_runtime": "3.13.0"}') -> Path:
    runtime(folder, elf(interpreter="/lib/ld-linux-aarch64.so.1"))
    (folder / "ld-linux-aarch64.so.1").write_bytes(b"a loader")
    (folder / "runtime.json").write_text(description)
    return folder


def answer(phone: FakePhone, milliseconds: list[float]) -> None:
    """The programs find the output right, and take so long."""
    phone.write("answers/iree-run-module", "echo '[SUCCESS] all function outputs matched their expected values.'")
    runs = [{"run_type": "iteration", "real_time": 1000 * ms, "time_unit": "us"} for ms in milliseconds]
    times = json.dumps({"benchmarks": [*runs, {"run_type": "aggregate", "real_time": 0, "time_unit": "us"}]})
    script = f"for flag; do case $flag in --benchmark_out=*) echo '{times}' > ${{flag#*=}};; esac; done"
    phone.write("answers/iree-benchmark-module", script)
