"""Artifacts small enough to compile in a test: `scores` weighs a clip, `pair` has two inputs, `signs` segments."""

import platform
import subprocess
from pathlib import Path

import numpy as np

from rt3d_mlir.runtime.artifact import Layer, Manifest, TensorSpec, sha256_file, tool_versions

SHAPE = (1, 3, 4, 8, 8)
WEIGHTS = [1.0, 2.0, -3.0, 4.0, 0.5]

SCORES = f"""
#clip = affine_map<(k, n, c, d, h, w) -> (n, c, d, h, w)>
#row = affine_map<(k, n, c, d, h, w) -> (k)>
#out = affine_map<(k, n, c, d, h, w) -> (n, k)>
func.func @main(%x: tensor<1x3x4x8x8xf32>) -> tensor<1x5xf32> {{
  %zero = arith.constant 0.0 : f32
  %share = arith.constant {1 / (3 * 4 * 8 * 8):.12f} : f32
  %weights = arith.constant dense<{WEIGHTS}> : tensor<5xf32>
  %empty = tensor.empty() : tensor<1x5xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x5xf32>) -> tensor<1x5xf32>
  %y = linalg.generic {{indexing_maps = [#clip, #row, #out],
      iterator_types = ["parallel", "parallel", "reduction", "reduction", "reduction", "reduction"]}}
      ins(%x, %weights : tensor<1x3x4x8x8xf32>, tensor<5xf32>) outs(%init : tensor<1x5xf32>) {{
  ^bb0(%a: f32, %weight: f32, %sum: f32):
    %0 = arith.mulf %a, %weight : f32
    %1 = arith.mulf %0, %share : f32
    %2 = arith.addf %1, %sum : f32
    linalg.yield %2 : f32
  }} -> tensor<1x5xf32>
  return %y : tensor<1x5xf32>
}}
"""

PAIR = """
func.func @main(%x: tensor<2xf32>, %n: tensor<3xi32>) -> (tensor<3xi32>, tensor<2xf32>) {
  %0 = arith.addi %n, %n : tensor<3xi32>
  %1 = arith.mulf %x, %x : tensor<2xf32>
  return %0, %1 : tensor<3xi32>, tensor<2xf32>
}
"""


SIGNS = """
#in = affine_map<(n, k, d, h, w) -> (n, 0, d, h, w)>
#row = affine_map<(n, k, d, h, w) -> (k)>
#out = affine_map<(n, k, d, h, w) -> (n, k, d, h, w)>
func.func @main(%x: tensor<2x1x4x4x4xf32>) -> tensor<2x2x4x4x4xf32> {
  %signs = arith.constant dense<[-1.0, 1.0]> : tensor<2xf32>
  %empty = tensor.empty() : tensor<2x2x4x4x4xf32>
  %y = linalg.generic {indexing_maps = [#in, #row, #out],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %signs : tensor<2x1x4x4x4xf32>, tensor<2xf32>) outs(%empty : tensor<2x2x4x4x4xf32>) {
  ^bb0(%a: f32, %sign: f32, %_: f32):
    %0 = arith.mulf %a, %sign : f32
    linalg.yield %0 : f32
  } -> tensor<2x2x4x4x4xf32>
  return %y : tensor<2x2x4x4x4xf32>
}
"""


def signs(folder: Path) -> Path:
    """2x1x4x4x4 float32 -> 2x2x4x4x4 float32: class 1 where a number is positive."""
    x = np.random.default_rng(0).standard_normal((2, 1, 4, 4, 4), np.float32)
    return _build(folder, SIGNS, [x], [np.concatenate([-x, x], 1)])


def scores(folder: Path) -> Path:
    """1x3x4x8x8 float32 -> 1x5 float32."""
    clip = np.random.default_rng(0).random(SHAPE, np.float32)
    return _build(folder, SCORES, [clip], [np.array([[w * clip.mean() for w in WEIGHTS]], np.float32)])


def pair(folder: Path) -> Path:
    """(2 float32, 3 int32) -> (3 int32, 2 float32)."""
    x, n = np.array([1, 2], np.float32), np.array([1, 2, 3], np.int32)
    return _build(folder, PAIR, [x, n], [n + n, x * x])


def _build(folder: Path, mlir: str, inputs: list[np.ndarray], outputs: list[np.ndarray]) -> Path:
    (folder / "golden").mkdir(parents=True)
    command = [
        "iree-compile",
        "-",
        f"-o={folder / 'module.vmfb'}",
        "--iree-hal-target-device=local",
        "--iree-hal-local-target-device-backends=llvm-cpu",
        "--iree-llvmcpu-target-cpu=host",
    ]
    subprocess.run(command, input=mlir, text=True, check=True)
    for kind, arrays in (("input", inputs), ("output", outputs)):
        for i, array in enumerate(arrays):
            np.save(folder / "golden" / f"{kind}_{i}.npy", array)
    Manifest(
        tools=tool_versions(),
        model="tiny",
        target="host",
        triple=f"{platform.machine()}-unknown-linux-gnu",
        cpu="host",
        inputs=[TensorSpec(f"input_{i}", x.shape, str(x.dtype)) for i, x in enumerate(inputs)],
        outputs=[TensorSpec(f"output_{i}", y.shape, str(y.dtype)) for i, y in enumerate(outputs)],
        files=hashes(folder),
        layers=[Layer("fc", (5, 768), 3840, 3840, 1.0, False, "a test has no convolution")],
        sparsity={"group": "8x4"},
    ).write(folder)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}
