"""How much work a layer is, from its weights and shapes alone, whatever a kernel makes of it.

`kept` counts as the literature does: kept weights times output positions. Some of those multiplications meet zero
padding. `needed` leaves out the taps that fall on padding for a whole output row (the depth and height axes), which
kernels skip: a 3x3x3 conv with padding 1 on a depth of 2 needs 2 of 3 planes at each output, 67 % of its kept work.
Time divided by `kept` can therefore beat the core's FMA peak; divided by `needed` a direct convolution cannot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from rt3d_mlir.sparsity import GroupSize, expand, from_zeros


@dataclass(frozen=True)
class LayerWork:
    """Multiply-accumulates of one layer; `kind` is "conv" or "fully connected"."""

    name: str
    kind: str
    dense: int
    kept: int
    needed: int
    kept_bytes: int
    """Kept weights and the bias, in float32."""


@dataclass(frozen=True)
class ModelWork:
    """All layers in the order they run, and the sizes in bytes of the network's activations."""

    layers: list[LayerWork]
    activations: list[int]

    @property
    def rate(self) -> float:
        """Dense over kept MACs."""
        return sum(layer.dense for layer in self.layers) / sum(layer.kept for layer in self.layers)

    @property
    def memory_bound(self) -> int:
        """Bytes that a run should stay below: 1.3 x (kept weights + the two largest activations + 50 MB)."""
        kept = sum(layer.kept_bytes for layer in self.layers)
        return round(1.3 * (kept + sum(sorted(self.activations)[-2:]) + 50e6))


def model_work(
    model: object, weights: Mapping[str, np.ndarray], input_shape: Sequence[int], group: GroupSize | None
) -> ModelWork:
    """The work of a `torch.nn.Module` whose parameters are `weights`; `group` None counts all weights as kept."""
    layers: list[LayerWork] = []
    activations = [4 * prod(input_shape)]
    for name, layer, source, result in _trace(model, input_shape):
        weight = weights.get(f"{name}.weight")
        if weight is not None and weight.ndim in (2, 5):
            layers.append(_layer_work(name, layer, weight, source, result, group))
        activations.append(4 * prod(result))
    return ModelWork(layers, activations)


def _trace(model: object, input_shape: Sequence[int]) -> list[tuple[str, object, tuple[int, ...], tuple[int, ...]]]:
    """(name, module, input shape, output shape) of each leaf module in the order they run, on meta tensors."""
    import torch
    from torch.func import functional_call

    assert isinstance(model, torch.nn.Module)
    seen: list[tuple[str, object, tuple[int, ...], tuple[int, ...]]] = []
    # They share their input's memory, or could.
    skipped = (torch.nn.ReLU, torch.nn.LeakyReLU, torch.nn.Dropout, torch.nn.BatchNorm3d, torch.nn.InstanceNorm3d)

    def hook(name: str):
        def note(layer: object, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            seen.append((name, layer, tuple(inputs[0].shape), tuple(output.shape)))

        return note

    handles = [
        layer.register_forward_hook(hook(name))
        for name, layer in model.named_modules()
        if not list(layer.children()) and not isinstance(layer, skipped)
    ]
    state = {key: value.detach().to("meta") for key, value in model.state_dict().items()}
    try:
        with torch.no_grad():
            functional_call(model, state, (torch.empty(tuple(input_shape), device="meta"),))
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _layer_work(
    name: str, layer: object, weight: np.ndarray, source: Sequence[int], result: Sequence[int], group: GroupSize | None
) -> LayerWork:
    import torch

    transposed = isinstance(layer, torch.nn.ConvTranspose3d)
    if transposed:
        weight = weight.swapaxes(0, 1)
    mask = np.ones(weight.shape, bool) if group is None else expand(from_zeros(weight, group), weight.shape, group)
    kept_weights = int(mask.sum())
    kept_bytes = 4 * (kept_weights + weight.shape[0])
    if weight.ndim == 2:
        positions = prod(result[:-1])
        kept = kept_weights * positions
        return LayerWork(name, "fully connected", weight.size * positions, kept, kept, kept_bytes)
    positions = result[0] * prod((source if transposed else result)[2:])
    kept = kept_weights * positions
    if transposed:  # what padding cuts off is counted
        return LayerWork(name, "conv", weight.size * positions, kept, kept, kept_bytes)
    strides, paddings, dilations = (getattr(layer, field) for field in ("stride", "padding", "dilation"))
    by_row = mask.sum(axis=(0, 1, 4))  # kept weights at each (kd, kh)
    needed = kept
    if not isinstance(paddings, str):  # "same": not computed, all positions count
        planes, rows = (
            [_inside(source[2 + a], result[2 + a], k, strides[a], paddings[a], dilations[a]) for k in range(count)]
            for a, count in enumerate(by_row.shape)
        )
        needed = int(np.einsum("dh,d,h->", by_row, planes, rows)) * result[0] * result[4]
    return LayerWork(name, "conv", weight.size * positions, kept, needed, kept_bytes)


def _inside(source: int, result: int, tap: int, stride: int, padding: int, dilation: int) -> int:
    """Output positions on one axis for which kernel position `tap` reads real data."""
    return sum(0 <= at * stride - padding + tap * dilation < source for at in range(result))
