"""A model as the compiler takes it: its parameters by name, floor 1 of it, and a reference to check against."""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import iree.compiler.ir as ir
import numpy as np
import torch
from torch.export import ExportedProgram
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from rt3d_mlir.errors import InputError
from rt3d_mlir.frontend.model_ops import ModelOp, torch_ops
from rt3d_mlir.frontend.reference import run_floor1
from rt3d_mlir.frontend.torch_import import export_program, import_torch
from rt3d_mlir.mlir_io import without_numbers
from rt3d_mlir.weights import WeightTable

Parameters = Mapping[str, np.ndarray]


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
        return ir.Module.parse(self.text), WeightTable(self.weights)


class Source(Protocol):
    """What the frontend hands to the compiler, whatever file or object the model came from."""

    name: str
    input_shapes: list[tuple[int, ...]]
    notes: list[str]
    """What the user should know of how the model was read."""
    readers: dict[str, str]
    """Versions of the packages that read it, besides PyTorch and torch-mlir; for the manifest's tools."""

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """All parameters and buffers by name; what masks and weight files refer to."""
        ...

    def lower(self, parameters: Parameters) -> Floor1:
        """Floor 1 with these parameters. Raises ModelError where the model cannot be lowered."""
        ...

    def reference(self, parameters: Parameters, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the model answers, computed without our passes, but for one where IREE computes it (`run_floor1`)."""
        ...

    def macs(self) -> dict[str, int]:
        """MACs by parameter name, dense; empty where they cannot be counted."""
        ...


class TorchSource:
    """A torch.nn.Module, or the program in a `.pt2`, with example inputs. The module itself is never changed.

    Raises InputError unless the example inputs are float32 tensors.
    """

    def __init__(self, model: torch.nn.Module | ExportedProgram, args: Sequence[torch.Tensor], name: str) -> None:
        for i, arg in enumerate(args):
            if not isinstance(arg, torch.Tensor) or arg.dtype is not torch.float32:
                seen = getattr(arg, "dtype", type(arg).__name__)
                raise InputError(f"{name}: example input {i} is {seen}; expected float32 tensors")
        self.name = name
        self.notes: list[str] = []
        self.readers: dict[str, str] = {}
        self.input_shapes = [tuple(arg.shape) for arg in args]
        self._args = tuple(args)
        self._model = model
        self._module = model.module() if isinstance(model, ExportedProgram) else model
        if isinstance(model, torch.nn.Module):
            model.eval()

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return {key: value.detach().cpu().numpy() for key, value in self._module.state_dict().items()}

    def lower(self, parameters: Parameters) -> Floor1:
        program = self._program
        with ir.Context(), ir.Location.unknown():
            module, table = import_torch(program, self._args)
            text = without_numbers(module, locations=True)
        weights = {key: parameters.get(key, table[key]) for key in table}
        names = [str(name) for name in program.graph_signature.user_inputs]
        return Floor1(text, weights, names, torch_ops(program))

    def reference(self, parameters: Parameters, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        state = {key: torch.from_numpy(np.array(value)) for key, value in parameters.items()}
        arrays = tuple(torch.from_numpy(np.array(array)) for array in inputs)
        with torch.no_grad():
            result = functional_call(self._module, state, arrays)
        return [output.cpu().numpy() for output in tree_leaves(result)]

    def macs(self) -> dict[str, int]:
        return _program_macs(self._program)

    @functools.cached_property
    def _program(self) -> ExportedProgram:
        return self._model if isinstance(self._model, ExportedProgram) else export_program(self._model, self._args)


def _program_macs(program: ExportedProgram) -> dict[str, int]:
    """`models.count_macs` for a program, whose layers are calls of functions."""
    aten = torch.ops.aten
    counted = (aten.conv1d, aten.conv2d, aten.conv3d, aten.linear)
    parameters = program.graph_signature.inputs_to_parameters
    macs: Counter[str] = Counter()
    for node in program.graph.nodes:
        if getattr(node.target, "overloadpacket", None) in counted and node.args[1].name in parameters:
            macs[parameters[node.args[1].name]] += node.meta["val"].numel() * node.args[1].meta["val"][0].numel()
    return dict(macs)


class MlirSource:
    """Linalg on tensors as torch-mlir writes it, with the function `main`."""

    def __init__(
        self,
        text: str,
        weights: dict[str, np.ndarray],
        shapes: list[tuple[int, ...]],
        ops: dict[str, ModelOp],
        name: str,
    ) -> None:
        self.name = name
        self.notes: list[str] = []
        self.readers: dict[str, str] = {}
        self.input_shapes = shapes
        self._text = text
        self._weights = weights
        self._ops = ops

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return dict(self._weights)

    def lower(self, parameters: Parameters) -> Floor1:
        names = [f"input_{i}" for i in range(len(self.input_shapes))]
        return Floor1(self._text, {key: parameters[key] for key in self._weights}, names, self._ops)

    def reference(self, parameters: Parameters, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return run_floor1(self.lower(parameters).parse, inputs)

    def macs(self) -> dict[str, int]:
        return {}


def check_input_shapes(source: Source, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raises InputError where a model that is fixed to its example inputs is asked for other shapes."""
    for expected, seen in zip(source.input_shapes, shapes, strict=False):
        if tuple(seen) != tuple(expected):
            text = "x".join(map(str, expected))
            raise InputError(
                f"{source.name} takes an input of {text}, not {'x'.join(map(str, seen))}; export it for that shape"
            )
