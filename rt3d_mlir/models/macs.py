"""Multiply-accumulates of a model, by layer."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn
from torch.func import functional_call

COUNTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def count_macs(model: nn.Module, input_shape: Sequence[int]) -> dict[str, int]:
    """MACs of one forward pass of `model` on an input of `input_shape`, by parameter name ("conv2.weight").

    Convolutions and fully connected layers only, biases excluded, as the literature counts. Layers come in
    the order they run; one that runs twice counts twice, one that never runs is left out, and so is one whose
    weight is no parameter (torch.nn.utils.prune). The pass runs on meta tensors: it costs neither memory nor
    time, and the model is not changed.
    """
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    meta = {name: tensor.detach().to("meta") for name, tensor in state.items()}
    macs: Counter[str] = Counter()

    def hook(name: str):
        def add(_layer: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            # Every output value is a dot product of the length of one filter.
            macs[f"{name}.weight"] += output.numel() * meta[f"{name}.weight"][0].numel()

        return add

    layers = [
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, COUNTED) and f"{name}.weight" in state
    ]
    handles = [layer.register_forward_hook(hook(name)) for name, layer in layers]
    try:
        with torch.no_grad():
            functional_call(model, meta, (torch.empty(tuple(input_shape), device="meta"),))
    finally:
        for handle in handles:
            handle.remove()
    return dict(macs)
