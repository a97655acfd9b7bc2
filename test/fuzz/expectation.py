"""What a network has to answer: PyTorch's numbers in float64, and how far from them is still right.

Bit for bit where no float32 sum of the network's can be rounded, else within a tolerance: a share of the output's
range, and ten times what rounding does to it, in PyTorch or by noise of a float's size on every layer's output.
"""

import copy
from collections.abc import Sequence

import numerics
import numpy as np
import torch
from fuzz.base import Bounded
from fuzz.joins import Pool
from fuzz.nets import Net
from torch import nn
from torch.utils._pytree import tree_leaves

#: Of an output's range; what is added is ten times what rounding does.
TOLERANCES = {"f32": 1e-5, "f16": 5e-3, "bf16": 3e-2, "winograd": 5e-5}
#: Whole numbers up to it are exact.
EXACT = {"f32": 2.0**24, "f16": 2.0**11, "bf16": 2.0**8}
#: What rounds on the way, in PyTorch, for types of 16 bits.
HALF = {"f16": torch.float16, "bf16": torch.bfloat16}
LARGEST_F16 = 65504
#: Of one rounding to float32.
NOISE = 2.0**-23
#: Numbers of inputs of whole numbers: from, and up to. Fewer where they have to be exact in float16.
RANGES = {"uint8": (0, 255), "int8": (-128, 127), "int32": (-300, 300), "int64": (-300, 300), "bool": (0, 1)}


class Expectation:
    """What is right for a model on its inputs. `exact`: only the same bits are."""

    @torch.no_grad()
    def __init__(self, model: nn.Module, inputs: Sequence[torch.Tensor], net: Net, dtype: str, tile: int):
        self.types = [leaf.numpy().dtype for leaf in tensors(model(*inputs))]
        self.outputs = [y.numpy() for y in tensors(copy.deepcopy(model).double()(*_wide(inputs)))]
        largest = _largest(model, inputs)
        steps = np.prod([np.prod(op.kernel) for op in net.walk() if isinstance(op, Pool) and op.kind == "avg"])
        self.exact = bool(net.kind != "random" and not tile and largest * steps <= EXACT[dtype])
        self.allowed = [0.0] * len(self.outputs)
        if not self.exact:
            self.allowed = [each * TOLERANCES["winograd" if tile else dtype] for each in self._ranges(largest, tile)]
            rounded = _rounded(model, inputs, dtype)
            for i, (y, slack) in enumerate(zip(self.outputs, self._slacks(rounded), strict=True)):
                half = self.types[i] == np.float16
                self.allowed[i] += 10 * slack + half * 2.0**-10 * float(np.abs(y).max())
        self.any_is_right = dtype == "f16" and largest > LARGEST_F16  # it may overflow

    def _ranges(self, largest: float, tile: int) -> list[float]:
        return [largest if tile else float(np.abs(y.astype(np.float64)).max()) for y in self.outputs]

    def _slacks(self, rounded: Sequence[Sequence[np.ndarray]]) -> list[float]:
        """What rounding changes in each output, at most."""
        found = []
        for i, y in enumerate(self.outputs):
            differences = [np.abs(each[i].astype(np.float64) - y.astype(np.float64)).max() for each in rounded]
            found.append(float(max(differences)))
        return found

    def compare(self, ours: Sequence[np.ndarray], floor: str) -> str:
        """What is wrong with the answers of a floor, or ""."""
        for i, (y, expected, allowed) in enumerate(zip(ours, self.outputs, self.allowed, strict=True)):
            if y.shape != expected.shape or y.dtype != self.types[i]:
                return f"{floor}: output {i} is {y.dtype} {y.shape}, not {self.types[i]} {expected.shape}"
            if self.any_is_right or (y.dtype.kind != "f" and not self.exact):
                continue
            error = _errors(y, _as_given(expected, y.dtype) if y.dtype == np.float16 or self.exact else expected)
            if not (error <= allowed).all():
                at = tuple(map(int, np.unravel_index(np.nanargmax(np.where(np.isnan(error), np.inf, error)), y.shape)))
                count = int((~(error <= allowed)).sum())
                return (
                    f"{floor}: output {i}{list(at)} is {y[at]}, not {expected[at]}; allowed is {allowed:.2g}; "
                    f"{count} of {y.size} are wrong"
                )
        return ""


def drawn(net: Net, dtype: str) -> nn.Module:
    """The network's module with its weights."""
    model = numerics.draw(net.module(), net.group, _kind(net, dtype), net.seed)
    return model.to(getattr(torch, net.takes)) if net.takes in ("float16", "float64") else model


def drawn_inputs(net: Net, dtype: str) -> list[torch.Tensor]:
    """The network's inputs, of the types that its user gives."""
    kind = _kind(net, dtype)
    found = []
    for i, (shape, takes) in enumerate(net.inputs()):
        seed = net.seed + i
        if takes not in RANGES:
            x = numerics.draw_input(shape, "block" if kind == "ones" else kind, seed)
        else:
            low, high = (max(-3, RANGES[takes][0]), min(3, RANGES[takes][1])) if dtype in HALF else RANGES[takes]
            x = torch.randint(low, high + 1, shape, generator=torch.Generator().manual_seed(seed + 1))
        found.append(x.to(getattr(torch, takes)))
    return found


def tensors(result: object) -> list[torch.Tensor]:
    """A model's answer as a module gives it: one tensor after the other."""
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]


def as_cast(net: Net, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """What the model itself takes, where the module casts an input for it."""
    first = inputs[0]
    return [first if net.casts or first.dtype.is_floating_point else first.float(), *inputs[1:]]


def _kind(net: Net, dtype: str) -> str:
    return "units" if net.kind == "integers" and dtype in HALF else net.kind


def _as_given(expected: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Rounded to the type that it goes out in; infinite where that ends before it, as half precision does at 65504."""
    with np.errstate(over="ignore"):
        return expected.astype(kind)


def _errors(y: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """NaN is right where it is expected, and so is infinity."""
    same = (y == expected) | (np.isnan(y) & np.isnan(expected)) if y.dtype.kind == "f" else y == expected
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.abs(y.astype(np.float64) - expected.astype(np.float64)))


def _wide(inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The inputs in float64, but for masks."""
    return [x if x.dtype is torch.bool else x.double() for x in inputs]


def _largest(model: nn.Module, inputs: Sequence[torch.Tensor]) -> float:
    """What no sum in any of the model's layers exceeds: the largest activation once all numbers are made positive."""
    model, seen = copy.deepcopy(model).double(), [1.0]
    for parameter in model.parameters():
        parameter.abs_()
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            assert layer.running_mean is not None
            layer.running_mean.abs_().neg_()
        if isinstance(layer, Bounded):
            layer.make_positive()
        layer.register_forward_hook(
            lambda _, __, y: seen.extend(float(t.abs().max()) for t in tensors(y) if t.is_floating_point())
        )
    model(*(torch.ones_like(x) if x.dtype is torch.bool else x.abs() for x in _wide(inputs)))
    return max(seen)


def _rounded(model: nn.Module, inputs: Sequence[torch.Tensor], dtype: str) -> list[list[np.ndarray]]:
    """Answers that are rounded on the way, each in another manner."""
    if dtype in HALF:

        def rounded(x: object) -> torch.Tensor | None:
            return x.to(HALF[dtype]).double() if isinstance(x, torch.Tensor) and x.is_floating_point() else None

        half = copy.deepcopy(model).to(HALF[dtype]).double()
        for layer in half.modules():
            if not list(layer.children()):
                layer.register_forward_hook(lambda _, __, y: rounded(y))
        given = [x if (narrow := rounded(x)) is None else narrow for x in _wide(inputs)]
        return [[y.numpy() for y in tensors(half(*given))]]
    single = copy.deepcopy(model).float()
    floats = [x.float() if x.is_floating_point() else x for x in inputs]
    return [[y.numpy() for y in tensors(single(*floats))], *(_noisy(model, inputs, seed) for seed in range(3))]


def _noisy(model: nn.Module, inputs: Sequence[torch.Tensor], seed: int) -> list[np.ndarray]:
    """With noise on the inputs and all layers' outputs: what a norm or a softmax makes of it depends on the numbers."""
    rng = torch.Generator().manual_seed(seed)

    def shaken(x: object) -> torch.Tensor | None:
        if not isinstance(x, torch.Tensor) or not x.is_floating_point():
            return None
        return x * (1 + NOISE * (2 * torch.rand(x.shape, generator=rng, dtype=torch.float64) - 1))

    noisy = copy.deepcopy(model).double()
    for layer in noisy.modules():
        layer.register_forward_hook(lambda _, __, y: shaken(y))
    given = [x if (moved := shaken(x)) is None else moved for x in _wide(inputs)]
    return [y.numpy() for y in tensors(noisy(*given))]
