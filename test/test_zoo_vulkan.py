"""Every model of the zoo by every shipped config of it, narrow, on a Vulkan device: Mesa's software one."""

import functools
from dataclasses import replace
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import pytest
import torch
import vulkan
from torch import nn

from rt3d_mlir import models
from rt3d_mlir.frontend.source import Floor1
from rt3d_mlir.frontend.torch_source import TorchSource
from rt3d_mlir.sparsity import apply_masks, config_names, load_config, masks_for
from rt3d_mlir.targets import get_gpu_target

TARGET = get_gpu_target("vulkan-lavapipe")
#: The options of each model, and its clip. Kernels of few positions are the quickest to compile.
NARROW: dict[str, tuple[dict, tuple[int, int, int]]] = {
    "c3d": ({"width": 8, "clip": (16, 16, 16)}, (16, 16, 16)),
    "r2plus1d_18": ({"width": 8}, (2, 8, 8)),
    "r3d_18": ({"width": 8}, (2, 8, 8)),
    "mc3_18": ({"width": 8}, (2, 8, 8)),
    "s3d": ({"width": 16}, (2, 16, 16)),
    "s3d_ts1": ({"width": 16}, (1, 16, 16)),
    "s3d_torchvision": ({"width": 16}, (2, 16, 16)),
    "x3d_s": ({"width": 8, "depths": (1, 1, 1, 1)}, (2, 16, 16)),
    "movinet_a0": ({"width": 4, "depths": (1, 1, 1, 1, 0)}, (2, 24, 24)),
    "unet3d": ({"width": 8, "stages": 3}, (4, 8, 12)),
    "meshnet": ({"width": 8}, (3, 4, 6)),
}
#: Those of the paper's tables, in both types.
PAPER = [("c3d", "c3d-3.57x"), ("r2plus1d_18", "r2plus1d-3.23x"), ("s3d", "s3d-2.10x")]
#: Those of the models for volumes, in both types, too.
SEGMENTING = [("unet3d", "unet3d-uniform-3.00x"), ("meshnet", "meshnet-uniform-2.96x")]
CONFIGS = [(load_config(config).model, config) for config in config_names()]
CASES = [
    *((*case, "f32") for case in CONFIGS),
    *((name, "", dtype) for name in ("x3d_s", "movinet_a0") for dtype in ("f32", "f16")),
    *((*case, "f16") for case in (*PAPER, *SEGMENTING)),
]
#: One config of each of the paper's networks, and the others of depthwise layers, in one of the types or both.
QUICK = [
    ("c3d", "c3d-3.57x", "f32"),
    ("c3d", "c3d-3.57x", "f16"),
    ("r2plus1d_18", "r2plus1d-3.23x", "f32"),
    ("s3d", "s3d-2.10x", "f16"),
    ("x3d_s", "", "f16"),
    ("movinet_a0", "", "f32"),
]


@functools.cache
def lowered(name: str, whole: bool) -> tuple[TorchSource, Floor1]:
    """A narrow model, and floor 1 of it. What is left out is dense in all configs, else masks would not fit.

    R(2+1)D has five, which differ in layers 1 and 2: it is whole in one of them.
    """
    options, clip = NARROW[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rt3d_mlir.models.s3d.STAGE5", [])
        model = models.build(name, num_classes=5, **options)
    if name.startswith("s3d"):  # the pool before stage 5 and torchvision's last one need larger clips
        model.features[-1], model.avgpool = nn.Identity(), nn.AdaptiveAvgPool3d(1)
        model.features[9] = nn.Identity()  # between two like it
    if not whole:
        model.layer3 = model.layer4 = model.fc = nn.Identity()
    source = TorchSource(model, (torch.zeros(1, models.input_shape(name)[1], *clip),), name)
    return source, source.lower(source.parameters)


def test_all_models_are_here():
    assert list(NARROW) == models.names()
    assert {name for name, _, _ in CASES} == set(NARROW)


@pytest.mark.parametrize(
    ("name", "config", "dtype"),
    [pytest.param(*case, marks=[pytest.mark.slow] * (case not in QUICK)) for case in CASES],
)
def test_zoo(tmp_path: Path, name: str, config: str, dtype: str):
    vulkan.driver()
    source, floor1 = lowered(name, name != "r2plus1d_18" or (name, config) in PAPER)
    weights = source.parameters
    if config:
        ratios = load_config(config)
        if name == "unet3d":  # of three stages
            ratios = replace(ratios, ratios={layer: r for layer, r in ratios.ratios.items() if layer in weights})
        weights = apply_masks(weights, masks_for(ratios, weights, TARGET.group, transposed=source.transposed))
    floor1 = replace(floor1, weights={key: weights.get(key, array) for key, array in floor1.weights.items()})
    with ir.Context(), ir.Location.unknown():
        options = (str(TARGET.group), "schedule-vulkan", TARGET.name, False, dtype)
        text, notes = numerics.rewrite(*floor1.parse(), *options)
    assert not notes
    assert "linalg." not in text.replace("#linalg", ""), "an op is left to IREE"
    (clip,) = source.draw_inputs(np.random.default_rng(0))
    (expected,) = source.reference(weights, [clip])
    module = numerics.compile_text(text, tmp_path, TARGET.name, "schedule-vulkan")
    (answer,) = vulkan.load(module, 1)([clip])
    error = np.abs(answer - expected).max() / np.ptp(expected)
    assert error < {"f32": 1e-5, "f16": 2e-2}[dtype]
    assert dtype == "f32" or error > 1e-5
