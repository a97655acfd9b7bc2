"""Activations by name, and the op that is one of them without a conv in front."""

from collections.abc import Callable
from dataclasses import dataclass

from fuzz.base import Op, Shape
from torch import nn

#: What a conv is fused with.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "hardswish": nn.Hardswish,
    "silu": nn.SiLU,
    "leaky": nn.LeakyReLU,
}
#: What is left to IREE, but for what block-layout takes along.
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu-tanh": lambda: nn.GELU("tanh"),
    "tanh": nn.Tanh,
    "mish": nn.Mish,
    "selu": nn.SELU,
    "softplus": nn.Softplus,
    "hardtanh": lambda: nn.Hardtanh(-1.5, 2.0),
    "softsign": nn.Softsign,
    "softmax": lambda: nn.Softmax(1),
    "log-softmax": lambda: nn.LogSoftmax(1),
    "softmin-of-last": lambda: nn.Softmin(-1),
    "prelu": nn.PReLU,
}


@dataclass(frozen=True, repr=False)
class Act(Op):
    """An activation; "prelu-channels" has a slope for each channel."""

    kind: str

    def module(self, shape: Shape) -> nn.Module:
        if self.kind == "prelu-channels":
            return nn.PReLU(shape[1])
        return {**ACTIVATIONS, **OTHERS}[self.kind]()
