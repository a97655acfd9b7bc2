"""Weights that a network computes of its parameters: norms of weights, views, sums, products, moved numbers."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from cases.base import Case, conv

SHAPE = (1, 8, 3, 4, 5)
Weight = Callable[..., torch.Tensor]


class Computed(nn.Module):
    """A conv whose weight is `weight` of parameters of these shapes, and a plain conv behind it."""

    def __init__(self, weight: Weight, *shapes: tuple[int, ...], padding: int = 1):
        super().__init__()
        self.weight, self.padding = weight, padding
        self.parts = nn.ParameterList(torch.zeros(shape) for shape in shapes)
        self.last = conv(8, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(F.relu(F.conv3d(x, self.weight(*self.parts), padding=self.padding)))


class Factored(nn.Module):
    """A linear layer that is the product of two matrices."""

    def __init__(self):
        super().__init__()
        self.first = conv(8, 8, 3)
        self.u, self.v = nn.Parameter(torch.zeros(5, 3)), nn.Parameter(torch.zeros(3, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(self.first(x).mean((2, 3, 4)), self.u @ self.v)


CUBE = (8, 8, 3, 3, 3)


def _written(plane: torch.Tensor) -> torch.Tensor:
    whole = plane.new_zeros(CUBE)
    whole[:, :, 1] = plane
    return whole


def _standardized(w: torch.Tensor) -> torch.Tensor:
    flat = w.flatten(1)
    return ((flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True) + 1e-5)).view_as(w)


def moved_weights() -> dict[str, Case]:
    """Weights whose numbers are parameters' or sums of them."""
    found: dict[str, tuple[Weight, tuple[tuple[int, ...], ...]]] = {
        "repeated-plane": (lambda w: w.unsqueeze(2).repeat(1, 1, 3, 1, 1), ((8, 8, 3, 3),)),
        "padded-and-added": (lambda a, b: a + F.pad(b, (1,) * 6), (CUBE, (8, 8, 1, 1, 1))),
        "written-plane": (_written, ((8, 8, 3, 3),)),
        "reversed": (lambda w: w.flip(2, 4), (CUBE,)),
        "turned": (lambda w: torch.rot90(w, 1, (3, 4)).transpose(0, 1), (CUBE,)),
        "summed": (lambda w: w.sum((3, 4), keepdim=True).expand(CUBE), (CUBE,)),
        "by-index": (lambda w: w[[3, 1, 0, 2, 7, 6, 5, 4]], (CUBE,)),
        "joined": (lambda a, b: torch.cat([a, b], 2), ((8, 8, 1, 3, 3), (8, 8, 2, 3, 3))),
    }
    return {name: Case(Computed(weight, *shapes), SHAPE) for name, (weight, shapes) in found.items()}


def computed_weights() -> dict[str, Case]:
    """Weights that are rounded when they are computed."""
    found: dict[str, tuple[Weight, tuple[tuple[int, ...], ...]]] = {
        "standardized": (_standardized, (CUBE,)),
        "mixed": (lambda a, w: torch.einsum("k,kmnabc->mnabc", a.softmax(0), w), ((4,), (4, *CUBE))),
        "low-rank": (lambda u, v: (u @ v).view(CUBE), ((8, 3), (3, 216))),
        "signs": (lambda w: torch.sign(w) * w.abs().mean((1, 2, 3, 4), keepdim=True), (CUBE,)),
    }
    normed = {
        "weight-norm": parametrizations.weight_norm(conv(8, 8, 3)),
        "weight-norm-transposed": parametrizations.weight_norm(nn.ConvTranspose3d(8, 8, 2, stride=2)),
        "spectral-norm": parametrizations.spectral_norm(conv(8, 8, 3)),
        "factored-linear": Factored(),
    }
    return {
        **{name: Case(Computed(weight, *shapes), SHAPE, exact=False) for name, (weight, shapes) in found.items()},
        **{name: Case(layer, SHAPE, exact=False) for name, layer in normed.items()},
    }
