"""A model as the compiler takes it: its parameters by name, floor 1 of it, and a reference to check against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.errors import InputError
from rt3d_mlir.frontend.model_ops import ModelOp
from rt3d_mlir.frontend.reference import run_floor1
from rt3d_mlir.ir_io.mlir_io import parse_handles
from rt3d_mlir.ir_io.weights import WeightTable

Parameters = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ModelInput:
    """A tensor that a module takes: its shape and numpy's name of its type."""

    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Floor1:
    """The imported module: text with handles only, the numbers behind them, the entry's input names, the model's ops.

    The ops have the keys that are the locations in `text` (rt3d_mlir.frontend.model_ops).
    """

    text: str
    weights: dict[str, np.ndarray]
    input_names: list[str]
    ops: dict[str, ModelOp]

    def parse(self) -> tuple[ir.Module, WeightTable]:
        """The module in the current context, with a side table of its own."""
        return parse_handles(self.text, self.weights)


class Source(Protocol):
    """What the frontend hands to the compiler, whatever file or object the model came from."""

    name: str
    inputs: list[ModelInput]
    notes: list[str]
    """What the user should know of how the model was read."""
    readers: dict[str, str]
    """Versions of the packages that read it, besides PyTorch and torch-mlir; for the manifest's tools."""

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """All parameters and buffers by name; what masks and weight files refer to."""
        ...

    @property
    def transposed(self) -> frozenset[str]:
        """The parameters that transposed convolutions have as weights, [N, M, *kernel]; for `masks_for`."""
        ...

    def lower(self, parameters: Parameters) -> Floor1:
        """Floor 1 with these parameters. Raises ModelError where the model cannot be lowered."""
        ...

    def draw_inputs(self, rng: np.random.Generator, positive: bool = False) -> list[np.ndarray]:
        """Inputs that the model takes, random where any numbers will do; `positive` floats are between 0 and 1."""
        ...

    def reference(self, parameters: Parameters, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the model answers, computed without our passes, but for one where IREE computes it (`run_floor1`)."""
        ...

    def macs(self) -> dict[str, int]:
        """MACs by parameter name, dense; empty where they cannot be counted."""
        ...


class MlirSource:
    """Linalg on tensors as torch-mlir writes it, with the function `main`."""

    def __init__(
        self,
        text: str,
        weights: dict[str, np.ndarray],
        inputs: list[ModelInput],
        ops: dict[str, ModelOp],
        name: str,
    ) -> None:
        self.name = name
        self.notes: list[str] = []
        self.readers: dict[str, str] = {}
        self.inputs = inputs
        self._text = text
        self._weights = weights
        self._ops = ops

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return dict(self._weights)

    @property
    def transposed(self) -> frozenset[str]:
        return frozenset()  # on floor 1 they are plain convs of weights that were computed

    def lower(self, parameters: Parameters) -> Floor1:
        names = [f"input_{i}" for i in range(len(self.inputs))]
        return Floor1(self._text, {key: parameters[key] for key in self._weights}, names, self._ops)

    def draw_inputs(self, rng: np.random.Generator, positive: bool = False) -> list[np.ndarray]:
        return [draw(each.shape, each.dtype, rng, positive) for each in self.inputs]

    def reference(self, parameters: Parameters, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return run_floor1(self.lower(parameters).parse, inputs)

    def macs(self) -> dict[str, int]:
        return {}


def draw(shape: Sequence[int], dtype: str, rng: np.random.Generator, positive: bool = False) -> np.ndarray:
    """Random numbers of a type: of the normal distribution, or `positive` ones below 1; whole ones below 16 or 256."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if dtype.startswith("float"):
        numbers = rng.random(shape, np.float32) if positive else rng.standard_normal(shape, np.float32)
        return np.asarray(numbers, dtype)
    return rng.integers(0, 256 if dtype == "uint8" else 16, shape).astype(dtype)


def check_input_shapes(source: Source, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raises InputError where a model that is fixed to its example inputs is asked for other shapes."""
    for expected, seen in zip(source.inputs, shapes, strict=False):
        if tuple(seen) != expected.shape:
            text = "x".join(map(str, expected.shape))
            raise InputError(
                f"{source.name} takes an input of {text}, not {'x'.join(map(str, seen))}; export it for that shape"
            )
