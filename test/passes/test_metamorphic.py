"""Relations between compiled networks, whatever their numbers: drawn layers, exact on integers."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numerics
import numpy as np
import torch
from cases import conv
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rt3d_mlir.sparsity import GroupSize, apply
from rt3d_mlir.sparsity.packing import pack, unpack

GROUPS = st.sampled_from(["4x4", "8x4", "16x4", "8x8", "6x4", "5x3", "2x2", "1x4", "4x1", "1x1"])
CHANNELS = st.integers(1, 20)
KERNELS = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))


@given(KERNELS, CHANNELS, CHANNELS, GROUPS, st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 99))
@settings(deadline=None)
def test_pack_then_unpack_is_identity(
    kernel: tuple[int, int, int], channels: int, filters: int, group: str, density: float, seed: int
):
    rng, size = np.random.default_rng(seed), GroupSize.parse(group)
    weight = rng.standard_normal((filters, channels, *kernel)).astype(np.float32)
    mask = rng.random(size.mask_shape(weight.shape)) < density
    masked = apply(weight, mask, size)
    np.testing.assert_array_equal(unpack(pack(weight, size, mask)), masked)
    np.testing.assert_array_equal(unpack(pack(masked, size)), masked)
    np.testing.assert_array_equal(unpack(pack(weight, size, dense=True)), weight)


@dataclass(frozen=True)
class Layer:
    """A conv with integer weights, and an order of its filters."""

    kernel: tuple[int, int, int]
    channels: int
    order: tuple[int, ...]
    relu: bool

    def variants(self, group: GroupSize) -> dict[str, nn.Module]:
        """The layer, under a mask of ones, under one of zeros, and with its filters in that order."""
        layer = numerics.draw(conv(self.channels, len(self.order), self.kernel, padding=1), str(group), "integers")
        assert isinstance(layer, nn.Conv3d)
        assert layer.bias is not None
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        keep = np.ones(group.mask_shape(weight.shape), np.bool_)
        made = {
            "dense": (weight, bias),
            "ones": (apply(weight, keep, group), bias),
            "zeros": (apply(weight, ~keep, group), bias),
            "permuted": (weight[list(self.order)], bias[list(self.order)]),
        }
        return {name: self._module(*parts) for name, parts in made.items()}

    def _module(self, weight: np.ndarray, bias: np.ndarray) -> nn.Module:
        layer = conv(self.channels, len(weight), self.kernel, padding=1)
        layer.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
        return nn.Sequential(layer, nn.ReLU()) if self.relu else layer


LAYERS = st.builds(
    Layer, KERNELS, CHANNELS, CHANNELS.flatmap(lambda m: st.permutations(range(m))).map(tuple), st.booleans()
)


@given(st.lists(LAYERS, min_size=3, max_size=3), GROUPS)
@settings(max_examples=3, deadline=None, database=None)
def test_masks_and_permutations(layers: list[Layer], group: str):
    """A mask of ones is no mask; one of zeros leaves the bias; filters in another order give outputs in that order."""
    size = GroupSize.parse(group)
    variants = [layer.variants(size) for layer in layers]
    inputs = [numerics.draw_input((2, layer.channels, 2, 3, 5), "integers", i) for i, layer in enumerate(layers)]

    def answers(names: list[str], dense: bool) -> list[dict[str, np.ndarray]]:
        model = numerics.Several({f"{name}{i}": made[name] for i, made in enumerate(variants) for name in names})
        xs = [x for x in inputs for _ in names]
        with TemporaryDirectory() as folder:
            outputs = numerics.build(model, xs, Path(folder), group, dense=dense).run([x.numpy() for x in xs])
        count = len(names)
        return [dict(zip(names, outputs[i : i + count], strict=True)) for i in range(0, len(outputs), count)]

    packed = answers(["ones", "zeros", "permuted"], dense=False)
    plain = answers(["dense"], dense=True)
    for layer, made, ours, expected in zip(layers, variants, packed, plain, strict=True):
        np.testing.assert_array_equal(ours["ones"], expected["dense"])
        np.testing.assert_array_equal(ours["permuted"], expected["dense"][:, list(layer.order)])
        bias = made["zeros"](torch.zeros(1, layer.channels, 2, 3, 5)).detach()[:, :, :1, :1, :1].numpy()
        np.testing.assert_array_equal(ours["zeros"], np.broadcast_to(bias, ours["zeros"].shape))
