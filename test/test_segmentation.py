"""Nets of the zoo that segment, pruned: what they answer, and the MACs that are left."""

from dataclasses import replace
from pathlib import Path

import aarch64
import numpy as np
import pytest
import torch

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.compile.exported import Exported
from rt3d_mlir.sparsity import MaskSet, apply_masks, load_config, masks_for
from rt3d_mlir.targets import get_target

#: The options of each model, its config, and a volume. 32 filters fill a row of groups on all targets, so that no row
#: spans two phases of a transposed conv; a volume of more than 16 leaves all taps of the largest dilation.
NETS = {
    "unet3d": ({"width": 32, "stages": 2, "channels": 2}, "unet3d-uniform-3.00x", (1, 2, 4, 6, 8)),
    "meshnet": ({"width": 16}, "meshnet-uniform-2.96x", (2, 1, 17, 18, 20)),
}


def pruned(name: str, target: str, dtype: str = "f32") -> tuple[Exported, MaskSet, dict[str, int]]:
    """A narrow net under the masks of its config, and the MACs of its layers."""
    options, config, shape = NETS[name]
    model = models.build(name, **options)
    weights = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
    ratios = load_config(config)
    ratios = replace(ratios, ratios={layer: ratio for layer, ratio in ratios.ratios.items() if layer in weights})
    masks = masks_for(ratios, weights, get_target(target).group, transposed=models.transposed_weights(model))
    exported = rt3d_mlir.export(model, (torch.zeros(shape),), masks, dtype=dtype, winograd=False)
    return exported, masks, models.count_macs(model, shape)


def check_layers(layers: list, masks: MaskSet, macs: dict[str, int]) -> None:
    """All packed, and of each layer as many MACs left as its mask keeps."""
    assert all(layer.packed for layer in layers)
    assert {f"{layer.name}.weight": layer.macs_before for layer in layers} == macs
    kept = {layer.name: layer.macs_after / layer.macs_before for layer in layers}
    shares = {name: masks.kept_share(name) if name in masks.masks else 1.0 for name in macs}
    assert kept == pytest.approx({name.removesuffix(".weight"): share for name, share in shares.items()}, rel=1e-3)


@pytest.mark.parametrize("name", ["unet3d", pytest.param("meshnet", marks=pytest.mark.slow)])
def test_on_this_machine(name: str, tmp_path: Path):
    exported, masks, macs = pruned(name, "host")
    manifest = exported.compile(tmp_path / "artifact", target="host")
    check_layers(manifest.layers, masks, macs)
    options, _, shape = NETS[name]
    model = models.build(name, **options).double()
    masked = apply_masks({key: tensor.numpy() for key, tensor in model.state_dict().items()}, masks)
    model.load_state_dict({key: torch.from_numpy(array) for key, array in masked.items()})
    volume = np.random.default_rng(1).standard_normal(shape, np.float32)
    with torch.no_grad():
        wanted = model(torch.from_numpy(volume).double()).numpy()
    answer = rt3d_mlir.load(tmp_path / "artifact")(volume)
    assert isinstance(answer, np.ndarray)
    assert np.abs(answer - wanted).max() < 1e-5 * np.ptp(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f32", "f16"])
@pytest.mark.parametrize("name", NETS)
def test_for_cortex_a76(name: str, dtype: str, tmp_path: Path):
    aarch64.command()
    exported, masks, macs = pruned(name, "cortex-a76", dtype)
    check_layers(exported.compile(tmp_path / "artifact", target="cortex-a76").layers, masks, macs)
    inputs, (expected,) = exported.golden
    (ours,) = aarch64.load(tmp_path / "artifact" / "module.vmfb")(inputs)
    error = np.abs(ours - expected).max() / np.ptp(expected)
    assert error < {"f32": 1e-5, "f16": 1e-2}[dtype]
    assert dtype == "f32" or error > 1e-5
