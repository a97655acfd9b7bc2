"""A PyTorch model, or an exported program, as a source."""

import contextlib
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import iree.compiler.ir as ir
import numpy as np
import torch
from torch.export import ExportedProgram
from torch.func import functional_call
from torch.fx import Node
from torch.utils._pytree import tree_leaves, tree_map

from rt3d_mlir.errors import InputError, ModelError
from rt3d_mlir.frontend.boundary import cast_boundary
from rt3d_mlir.frontend.model_ops import torch_ops
from rt3d_mlir.frontend.program import (
    UNUSUAL,
    as_module,
    export_program,
    in_float32,
    output_types,
    tensor_inputs,
)
from rt3d_mlir.frontend.source import Floor1, ModelInput, Parameters, draw
from rt3d_mlir.frontend.torch_import import import_torch
from rt3d_mlir.ir_io.mlir_io import without_numbers
from rt3d_mlir.ir_io.weights import ELEMENT_TYPES

_aten = torch.ops.aten
_COUNTED = (_aten.conv1d, _aten.conv2d, _aten.conv3d, _aten.linear)
_TRANSPOSED = (_aten.conv_transpose1d, _aten.conv_transpose2d, _aten.conv_transpose3d)


class TorchSource:
    """A torch.nn.Module, or the program in a `.pt2`, with example inputs. The module itself is never changed.

    Inputs are tensors, and lists, tuples and dicts of them, which the compiled module takes one by one. It computes in
    float32, whatever its parameters and inputs are, and gives the types that the model gives. Raises InputError for
    inputs of other types. What needs the exported program raises ModelError for a model that cannot be exported.
    """

    def __init__(
        self,
        model: torch.nn.Module | ExportedProgram,
        args: Sequence[Any],
        name: str,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.readers: dict[str, str] = {}
        self._model = model
        self._call = (tuple(args), dict(kwargs or {}))
        self._examples = [leaf for leaf in tree_leaves(self._call) if isinstance(leaf, torch.Tensor)]
        if isinstance(model, torch.nn.Module):
            model.eval()
        self.inputs = [_model_input(name, i, tensor) for i, tensor in enumerate(self._examples)]
        self.notes = _notes(name, model, self._examples)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return {key: _numpy(value) for key, value in self._module.state_dict().items()}

    @property
    def transposed(self) -> frozenset[str]:
        layers = (node.args[1] for node in self._program.graph.nodes if _packet(node) in _TRANSPOSED)
        return frozenset(name for weight in layers if (name := _origin(weight, self._program)) is not None)

    def lower(self, parameters: Parameters) -> Floor1:
        with ir.Context(), ir.Location.unknown():
            module, table = import_torch(self._program)
            cast_boundary(module, [each.dtype for each in self.inputs], self._output_types)
            text = without_numbers(module, locations=True)
        weights = {
            key: np.asarray(parameters[key], table[key].dtype) if key in parameters else table[key] for key in table
        }
        names = [node.name for node in tensor_inputs(self._program)]
        return Floor1(text, weights, names, torch_ops(self._program))

    def draw_inputs(self, rng: np.random.Generator, positive: bool = False) -> list[np.ndarray]:
        """Whole numbers are the example's, which may be indices, where they are not cast and are not all the same."""
        nodes = tensor_inputs(self._program)
        kept = [
            node.meta["val"].dtype == tensor.dtype and len(tensor.unique()) > 1 and not tensor.dtype.is_floating_point
            for node, tensor in zip(nodes, self._examples, strict=True)
        ]
        return [
            tensor.numpy() if keep else draw(each.shape, each.dtype, rng, positive)
            for each, keep, tensor in zip(self.inputs, kept, self._examples, strict=True)
        ]

    def reference(self, parameters: Parameters, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        state = {key: torch.from_numpy(np.array(value)) for key, value in parameters.items()}
        nodes = tensor_inputs(self._program)
        given = [
            torch.from_numpy(np.array(array)).to(node.meta["val"].dtype)
            for array, node in zip(inputs, nodes, strict=True)
        ]
        args, kwargs = _filled(self._call, given)
        with torch.no_grad():
            result = functional_call(self._module, state, args, kwargs)
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        return [_numpy(y).astype(name) for y, name in zip(outputs, self._output_types, strict=True)]

    def macs(self) -> dict[str, int]:
        return _program_macs(self._program)

    @functools.cached_property
    def _exported(self) -> ExportedProgram:
        """The program as torch exports it; where it cannot take whole numbers, for the same ones as float32."""
        if isinstance(self._model, ExportedProgram):
            return self._model
        args, _ = self._call
        try:
            return export_program(self._model, args)
        except ModelError:
            if not any(tensor.dtype.is_floating_point for tensor in self._examples):
                cast, _ = _filled(self._call, [tensor.float() for tensor in self._examples])
                with contextlib.suppress(ModelError):
                    return export_program(self._model, cast)
            raise

    @functools.cached_property
    def _program(self) -> ExportedProgram:
        """What is lowered."""
        return in_float32(self._exported)

    @functools.cached_property
    def _module(self) -> torch.nn.Module:
        """What answers for the model: the model itself where it computes as it is lowered."""
        if isinstance(self._model, torch.nn.Module) and not _unusual(self._model, self._examples):
            return self._model
        return as_module(self._program)

    @functools.cached_property
    def _output_types(self) -> list[str]:
        """Numpy's names of the types that the model's tensors go out in."""
        return [_numpy_name(kind) for kind in output_types(self._exported)]


def _model_input(name: str, number: int, tensor: torch.Tensor) -> ModelInput:
    kind = _numpy_name(tensor.dtype)
    if kind not in ELEMENT_TYPES:
        raise InputError(f"{name}: example input {number} is {kind}; expected one of {', '.join(ELEMENT_TYPES)}")
    return ModelInput(tuple(tensor.shape), kind)


def _notes(name: str, model: torch.nn.Module | ExportedProgram, examples: Sequence[torch.Tensor]) -> list[str]:
    """What is computed otherwise than the model is written."""
    names = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in _unusual(model, examples)))
    notes = [f"{name}: what is {names} in it is computed as float32"] if names else []
    if any(tensor.dtype is torch.bfloat16 for tensor in examples):
        notes.append(f"{name}: its bfloat16 inputs are float32 in the module, for .npy files have no bfloat16")
    return notes


def _unusual(model: torch.nn.Module | ExportedProgram, examples: Sequence[torch.Tensor]) -> set[torch.dtype]:
    """The types of parameters and inputs that float32 stands in for."""
    return {tensor.dtype for tensor in (*model.parameters(), *examples)} & {*UNUSUAL}


def _filled(call: tuple[Any, Any], tensors: Sequence[torch.Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call with these tensors in the place of its own."""
    rest = iter(tensors)
    return tree_map(lambda leaf: next(rest) if isinstance(leaf, torch.Tensor) else leaf, call)


def _numpy_name(kind: torch.dtype) -> str:
    """numpy's name of a torch type; float32 for bfloat16, which numpy lacks."""
    return "float32" if kind is torch.bfloat16 else str(kind).removeprefix("torch.")


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()


def _program_macs(program: ExportedProgram) -> dict[str, int]:
    """`models.count_macs` for a program, whose layers are calls of functions.

    Weights that are computed are called like the largest tensor that they are computed from.
    """
    macs: Counter[str] = Counter()
    for node in program.graph.nodes:
        packet = _packet(node)
        name = _origin(node.args[1], program) if packet in (*_COUNTED, *_TRANSPOSED) else None
        if name is not None:
            once = (node.args[0] if packet in _TRANSPOSED else node).meta["val"]  # which each weight of a slice is for
            macs[name] += once.numel() * node.args[1].meta["val"][0].numel()
    return dict(macs)


def _packet(node: Node) -> object:
    """The op that a node calls, whatever the types; None for what calls none."""
    return getattr(node.target, "overloadpacket", None)


def _origin(weight: Node, program: ExportedProgram) -> str | None:
    """The largest parameter or buffer that a weight is computed from; None where it depends on an input."""
    signature = program.graph_signature
    names = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    read: dict[Node, None] = {weight: None}
    sources = [weight]
    while sources:
        read |= dict.fromkeys(sources)
        sources = [source for node in sources for source in node.all_input_nodes if source not in read]
    constants = [node for node in read if node.op == "placeholder"]
    if not constants or any(node.name not in names for node in constants):
        return None
    sizes = {names[node.name]: node.meta["val"].numel() for node in constants}
    return max(sizes, key=lambda name: (sizes[name], name))  # as constant_folding has it
