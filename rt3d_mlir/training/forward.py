"""The forward pass of training and of tests, and what is asked of a model there."""

import copy
from collections.abc import Mapping

import torch
from torch import nn

from rt3d_mlir.training.data import ClipData, split_batches
from rt3d_mlir.training.distributed import World


def forward(net: nn.Module, clips: torch.Tensor, mixed: bool = False) -> torch.Tensor:
    """The answers to clips [N, C, T, H, W]. On CUDA channels come last, and `mixed` computes in bfloat16."""
    on_cuda = clips.device.type == "cuda"
    if on_cuda:
        clips = clips.contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(clips.device.type, torch.bfloat16, enabled=mixed and on_cuda):
        return net(clips)


def in_format(model: nn.Module, layout: torch.memory_format) -> nn.Module:
    """`model` itself, its weights in another order of memory."""
    return model.to(memory_format=layout)  # pyright: ignore[reportCallIssue]  # torch's types have no such overload


def accuracy(model: nn.Module, data: ClipData, batch: int, world: World) -> float:
    """The share of the test clips, or of their positions, that `model` classifies rightly, in eval mode, which it stays
    in."""
    world.share_buffers(model)
    model.eval()
    right = torch.zeros(2, device=world.device, dtype=torch.int64)
    batches = split_batches(data.test_size, batch, None, world.rank, world.size)
    with torch.no_grad():
        for clips, labels in data.test_batches(batches):
            right[0] += (forward(model, clips).argmax(1) == labels).sum()
            right[1] += labels.numel()
    hits, count = world.sum(right).tolist()
    return hits / max(count, 1)


def frozen_copy(model: nn.Module, state: Mapping[str, torch.Tensor]) -> nn.Module:
    """A model of the same kind with the weights of `state`, in eval mode, without gradients."""
    frozen = copy.deepcopy(model).requires_grad_(False).eval()
    frozen.load_state_dict(state)
    return frozen


def is_finite(model: nn.Module) -> bool:
    """Whether no weight is NaN or infinite."""
    return all(bool(parameter.isfinite().all()) for parameter in model.parameters())
