"""What an artifact says that its pruned layers keep, beside the weights; iree-compile is left out."""

from pathlib import Path

import nets
import numpy as np
import pytest
import torch
from torch import nn

import rt3d_mlir
from rt3d_mlir.compile import artifact_writer
from rt3d_mlir.runtime.artifact import KEPT, Manifest, sha256_file, verify
from rt3d_mlir.sparsity import GroupSize, MaskSet, Sparsity, from_zeros, magnitude_mask
from rt3d_mlir.sparsity.kept_file import Kept, load_kept


@pytest.fixture(autouse=True)
def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_module: object, _table: object, _flags: object, _source: object, output: Path, _progress: object) -> int:
        output.write_bytes(b"no program")
        return 0

    monkeypatch.setattr(artifact_writer, "compile_with_arena", write)


def kept_of(net: nn.Module, folder: Path, clip: tuple[int, ...] = nets.CLIP, **options: object) -> dict[str, Kept]:
    exported = rt3d_mlir.export(net, (torch.zeros(clip),), **options)
    manifest = exported.compile(folder, target="cortex-a76")
    verify(folder, manifest)
    if KEPT not in manifest.files:
        assert not (folder / KEPT).exists()
        return {}
    kept = load_kept(folder / KEPT)
    shares = {layer.name: layer.kept_share for layer in manifest.layers if layer.kept_share < 1}
    assert kept.keys() == shares.keys()
    return kept


def zero_blocks(weight: torch.Tensor, group: GroupSize, share: float = 0.6) -> None:
    """Removes random blocks of a weight."""
    array = weight.detach().numpy()
    keep = np.random.default_rng(0).random(group.mask_shape(array.shape)) > share
    wide = keep.repeat(group.m, 0)[: array.shape[0]].repeat(group.n, 1)[:, : array.shape[1]]
    array *= wide.reshape(array.shape)


def test_the_masks_of_the_model(tmp_path: Path):
    net, group = nets.seeded(nets.Net, batch_norm=True), GroupSize(8, 4)
    weight = net.state_dict()["conv2.weight"].numpy()
    mask = magnitude_mask(weight, group, 0.7, Sparsity.KGS)
    masks = MaskSet(group, Sparsity.KGS, {"conv2.weight": mask}, {"conv2.weight": weight.shape})
    (kept,) = kept_of(net, tmp_path / "artifact", masks=masks).values()
    assert kept.group == group
    np.testing.assert_array_equal(kept.mask, mask)


def test_zeros_of_a_linear_layer(tmp_path: Path):
    net, group = nets.seeded(nets.Net, features=16 * 2 * 4 * 4), GroupSize(4, 4)
    with torch.no_grad():  # flattened, channel c of the conv is columns 32 c to 32 c + 31
        net.fc.weight.view(5, 16, 32)[:, 4:12] = 0
    kept = kept_of(net, tmp_path / "artifact", group=group)["fc"]
    assert kept.mask.shape == (2, 4, 2, 4, 4)
    np.testing.assert_array_equal(kept.mask.all(axis=(2, 3, 4)), [[True, False, False, True]] * 2)
    assert not kept.mask[:, 1:3].any()


def test_borders_and_a_layer_of_nothing(tmp_path: Path):
    group = GroupSize(8, 4)
    net = nn.Sequential(nn.Conv3d(6, 10, 3, padding=1), nn.ReLU(), nn.Conv3d(10, 12, (1, 3, 2)))
    zero_blocks(net[0].weight, group)
    with torch.no_grad():
        net[2].weight.zero_()
    kept = kept_of(net, tmp_path / "artifact", (1, 6, 3, 6, 6), group=group)
    np.testing.assert_array_equal(kept["0"].mask, from_zeros(net[0].weight.detach().numpy(), group))
    assert kept["2"].mask.shape == (2, 3, 1, 3, 2)
    assert not kept["2"].mask.any()


def test_a_grouped_conv_has_blocks_of_its_own_groups_only(tmp_path: Path):
    net, group = nn.Conv3d(16, 16, 3, groups=2), GroupSize(8, 4)
    zero_blocks(net.weight, group)
    (kept,) = kept_of(net, tmp_path / "artifact", (1, 16, 4, 6, 6), group=group).values()
    own = from_zeros(net.weight.detach().numpy(), group)  # [2, 2, ...]: a row a group, two blocks of channels each
    np.testing.assert_array_equal(kept.mask[0], np.concatenate([own[0], np.zeros_like(own[0])]))
    np.testing.assert_array_equal(kept.mask[1], np.concatenate([np.zeros_like(own[1]), own[1]]))


def test_a_group_that_was_chosen_for_a_layer(tmp_path: Path):
    net = nn.Sequential(nn.Conv3d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv3d(16, 16, 3, padding=1))
    with torch.no_grad():
        net[2].weight[:, 1::2] = 0  # every second channel: no block of four is empty
    (kept,) = kept_of(net, tmp_path / "artifact", (1, 16, 4, 14, 14)).values()
    assert kept.group.n == 1
    np.testing.assert_array_equal(kept.mask, from_zeros(net[2].weight.detach().numpy(), kept.group))


def test_a_dense_model_has_no_such_file(tmp_path: Path):
    assert kept_of(nets.seeded(nets.Net), tmp_path / "dense") == {}
    net = nets.seeded(nets.Net)
    zero_blocks(net.conv2.weight, GroupSize(8, 4))
    assert kept_of(net, tmp_path / "all", dense=True) == {}


def test_the_bytes_are_reproducible(tmp_path: Path):
    seen = set()
    for name in ("one", "two"):
        net = nets.seeded(nets.Net)
        zero_blocks(net.conv2.weight, GroupSize(8, 4))
        kept_of(net, tmp_path / name)
        assert Manifest.read(tmp_path / name).files[KEPT] == sha256_file(tmp_path / name / KEPT)
        seen.add((tmp_path / name / KEPT).read_bytes())
    assert len(seen) == 1
