"""Multiply-accumulates of a model, by layer."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call

from rt3d_mlir.errors import ModelError

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
COUNTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, *TRANSPOSED)


def transposed_weights(model: nn.Module) -> frozenset[str]:
    """The names of the weights of transposed convolutions, which are [N, M, Kd, Kh, Kw]: input channels, then filters.

    This is what `rt3d_mlir.sparsity.masks_for` has to know of a model.
    """
    return frozenset(f"{name}.weight" for name, layer in model.named_modules() if isinstance(layer, TRANSPOSED))


def count_macs(model: nn.Module, input_shape: Sequence[int]) -> dict[str, int]:
    """MACs of one forward pass of `model` on an input of `input_shape`, by parameter name ("conv2.weight").

    Convolutions, transposed ones too, and fully connected layers only, biases excluded, as the literature counts.
    Layers come in the order they run; one that runs twice counts twice, one that never runs is left out, and so is
    one whose weight is no parameter (torch.nn.utils.prune). The pass runs on fake tensors, which have a shape and a
    device but no numbers: it costs neither memory nor time, and the model is not changed.

    Raises ModelError with PyTorch's first words where the model does not take that input, or where its forward asks
    for numbers, as `x.item()` and `x.numpy()` do.
    """
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    macs: Counter[str] = Counter()

    def hook(name: str):
        def add(layer: nn.Module, args: Sequence[Any], kwargs: dict[str, Any], output: torch.Tensor) -> None:
            # Every output value is a dot product of the length of one filter; transposed, every input value goes into
            # so many sums.
            once = next(iter((*args, *kwargs.values()))) if isinstance(layer, TRANSPOSED) else output
            macs[f"{name}.weight"] += once.numel() * state[f"{name}.weight"][0].numel()

        return add

    layers = [
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, COUNTED) and f"{name}.weight" in state
    ]
    handles = [layer.register_forward_hook(hook(name), with_kwargs=True) for name, layer in layers]
    try:
        with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
            fake: dict[str, torch.Tensor] = {name: mode.from_tensor(tensor) for name, tensor in state.items()}
            like = next((tensor for tensor in fake.values() if tensor.is_floating_point()), torch.empty(()))
            functional_call(model, fake, (like.new_empty(tuple(input_shape)),))
    except Exception as error:  # anybody's model raises anything
        shape, said = "x".join(map(str, input_shape)), next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(
            f"the model does not run on an input of {shape}: {said}; MACs are counted on shapes alone, so its forward"
            " has to take this shape, and cannot ask for numbers, as x.item() and x.numpy() do"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    return dict(macs)
