"""An `.onnx` file as a graph of fixed shapes and, apart from it, its numbers.

Weights leave the protobuf, which holds at most 2 GB and is copied by each tool that looks at it, and become numpy
arrays under their initializers' names. A `Constant` node is an initializer by another name, and is treated as one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper
from onnx.inliner import inline_local_functions

from rt3d_mlir.errors import InputError, ModelError
from rt3d_mlir.frontend.onnx_rewrites.float32 import in_float32
from rt3d_mlir.frontend.onnx_rewrites.graph import infer
from rt3d_mlir.frontend.onnx_rewrites.opset import state_defaults
from rt3d_mlir.frontend.source import ModelInput
from rt3d_mlir.ir_io.weights import ELEMENT_TYPES

#: The domains of ONNX's own operators.
STANDARD = ("", "ai.onnx")
#: Numbers that shape inference may need, such as the scales of a Resize, are few; larger arrays leave the graph.
_KEPT_ELEMENTS = 64
#: The version of the format since which initializers are no inputs.
_PLAIN_INITIALIZERS = 4
_FLOATS = ("float16", "bfloat16", "float32", "float64")
#: What MLIR's text writes in another way than it is.
_BAD_NAME = re.compile(r'[^!-~]|[">\\]')


@dataclass(frozen=True)
class OnnxModel:
    """`graph_model` without its large arrays, the `arrays` by name, the inputs by name, and the outputs' numpy types.

    Graph and arrays are float32 where the file has `other_floats`, as float16; the inputs and outputs are what the file
    says. `assumed` are the symbolic sizes that nobody gave, which were set to 1: {"N": 1}.
    """

    graph_model: onnx.ModelProto
    arrays: dict[str, np.ndarray]
    inputs: dict[str, ModelInput]
    output_types: list[str]
    assumed: dict[str, int]
    other_floats: set[str]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all values that are known, by name."""
        graph = self.graph_model.graph
        values = [*graph.input, *graph.value_info, *graph.output]
        sized = {value.name: value.type.tensor_type.shape.dim for value in values}
        known = {name: dims for name, dims in sized.items() if all(dim.HasField("dim_value") for dim in dims)}
        tensors = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        return {**tensors, **{name: tuple(dim.dim_value for dim in dims) for name, dims in known.items()}}

    @property
    def nodes(self) -> list[onnx.NodeProto]:
        """What it computes, in order."""
        return list(self.graph_model.graph.node)

    def index_limits(self) -> dict[str, int]:
        """For each input that picks from another value along an axis, how many there are."""
        shapes, limits = self.shapes, dict[str, int]()
        for node in self.nodes:
            if node.op_type not in ("Gather", "GatherElements") or node.input[1] not in self.inputs:
                continue
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
            size = shapes.get(node.input[0], (1,) * (axis + 1))[axis]
            limits[node.input[1]] = min(size, limits.get(node.input[1], size))
        return limits

    def macs(self) -> dict[str, int]:
        """Dense MACs by initializer, of the layers that have one: outputs x the length of a dot product; of transposed
        convs, inputs x the sums that each goes into."""
        counts: dict[str, int] = {}
        shapes = self.shapes
        for node in self.nodes:
            if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul") or node.input[1] not in self.arrays:
                continue
            counted = node.input[0] if node.op_type == "ConvTranspose" else node.output[0]
            weight, out = shapes[node.input[1]], shapes.get(counted)
            flipped = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            whole = flipped or node.op_type.startswith("Conv")
            length = prod(weight[1:]) if whole else weight[-2] if len(weight) > 1 else 0
            if out is not None and length:
                counts[node.input[1]] = counts.get(node.input[1], 0) + prod(out) * length
        return counts


def read_onnx(path: Path, input_shape: Sequence[int] | None = None) -> OnnxModel:
    """The model in a file, its symbolic sizes resolved by `input_shape`, the first input's; a batch is else 1.

    Raises ModelError for a file that is missing, damaged or no valid ONNX, whose external data is missing or too
    short, and for operators that are not ONNX's own; InputError for inputs of types that a module does not take, and
    for symbolic sizes, other than the batch, that nobody gave.
    """
    if not path.is_file():
        raise ModelError(f"{path} is a folder; expected an .onnx file" if path.is_dir() else f"no such file: {path}")
    try:
        model = onnx.load(str(path), load_external_data=False)
        if not model.HasField("graph") or not model.graph.node:
            raise ModelError(f"{path} holds no ONNX graph, or was cut short; export it again")
        onnx.checker.check_model(str(path))
        model = inline_local_functions(model) if model.functions else model
        _check_domains(model, path)
        _modernize(model)
        arrays = dict(_take_arrays(model, path))
        inputs, assumed = _resolve(model.graph, input_shape, path)
        output_types = [_type_of(value, "output", path) for value in model.graph.output]
        other_floats = in_float32(model.graph)
        arrays = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
        model = infer(model)
    except DecodeError:
        raise ModelError(f"{path} is not an ONNX model, or was cut short; export it again") from None
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"{path} is not valid ONNX: {_first_line(error)}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {_first_line(error)}") from None
    return OnnxModel(model, arrays, inputs, output_types, assumed, other_floats)


def filled(model: OnnxModel, arrays: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The whole model again, with these arrays."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model.graph_model)
    for tensor in whole.graph.initializer:
        if tensor.name in arrays:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(arrays[tensor.name]), tensor.name))
    return whole


def _check_domains(model: onnx.ModelProto, path: Path) -> None:
    for node in model.graph.node:
        if node.domain not in STANDARD:
            raise ModelError(
                f"{path} uses {node.op_type} of the domain {node.domain} (node '{node.name}'); expected operators of "
                "ONNX itself. Export the model without that tool's optimizations"
            )
        node.ClearField("domain")
    for opset in model.opset_import:
        if opset.domain in STANDARD:
            opset.ClearField("domain")


def _modernize(model: onnx.ModelProto) -> None:
    """Before version 4 of the format initializers were inputs too, and what is none was not seen by shape inference."""
    model.ir_version = max(model.ir_version, _PLAIN_INITIALIZERS)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    state_defaults(model)


def _take_arrays(model: onnx.ModelProto, path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Moves the floating-point arrays of more than one number out of the graph; the rest stays, read in full.

    An array with infinities is the mask of an attention or the like, and no weight.
    """
    graph = model.graph
    for node in [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"]:
        graph.initializer.append(node.attribute[0].t)
        graph.initializer[-1].name = node.output[0]
        graph.node.remove(node)
    for tensor in graph.initializer:
        array = _numbers(tensor, path)
        infinite = array.dtype.name in _FLOATS and bool(np.isinf(array).any() and not np.isnan(array).any())
        if array.dtype.name not in _FLOATS or array.size < 2 or infinite:
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
            continue
        if _BAD_NAME.search(tensor.name):
            raise ModelError(
                f"{path}: initializer {tensor.name!r} has a space, a quote, > or another letter in its name that "
                "MLIR's text cannot hold; rename it"
            )
        yield tensor.name, array
        kept = numpy_helper.from_array(array, tensor.name)
        if array.size > _KEPT_ELEMENTS:
            kept.ClearField("raw_data")
        tensor.CopyFrom(kept)


def _numbers(tensor: onnx.TensorProto, path: Path) -> np.ndarray:
    try:
        return np.array(numpy_helper.to_array(tensor, base_dir=str(path.parent)))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(
            f"{path}: the numbers of initializer '{tensor.name}' cannot be read, or were cut short: "
            f"{_first_line(error)}"
        ) from None


def _resolve(
    graph: onnx.GraphProto, input_shape: Sequence[int] | None, path: Path
) -> tuple[dict[str, ModelInput], dict[str, int]]:
    """Fixes the inputs' sizes in place; (the inputs, the sizes that were assumed)."""
    sizes: dict[str, int] = {}
    assumed: dict[str, int] = {}
    inputs: dict[str, ModelInput] = {}
    for number, value in enumerate(graph.input):
        name, kind = _type_of(value, "input", path), value.type.tensor_type
        given = input_shape if number == 0 and input_shape and len(input_shape) == len(kind.shape.dim) else None
        for axis, dim in enumerate(kind.shape.dim):
            if dim.HasField("dim_value"):
                continue
            symbol = dim.dim_param or f"axis {axis} of {value.name}"
            if given is not None:
                sizes.setdefault(symbol, given[axis])
            elif symbol not in sizes:
                if axis:
                    raise InputError(f"{path}: {symbol} of input '{value.name}' has no fixed size; give --input-shape")
                sizes[symbol] = assumed[symbol] = 1
            dim.dim_value = sizes[symbol]
        inputs[value.name] = ModelInput(tuple(dim.dim_value for dim in kind.shape.dim), name)
    return inputs, assumed


def _type_of(value: onnx.ValueInfoProto, role: str, path: Path) -> str:
    """Numpy's name of what a module takes or gives: float32 for bfloat16, which numpy does not know."""
    kind = value.type.tensor_type
    known = kind.elem_type not in (TensorProto.UNDEFINED, TensorProto.STRING) and kind.HasField("shape")
    name = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name if known else ""
    name = "float32" if name == "bfloat16" else name
    if name not in ELEMENT_TYPES:
        seen, types = onnx.helper.printable_type(value.type), ", ".join(ELEMENT_TYPES)
        raise InputError(f"{path}: {role} '{value.name}' is {seen}; expected a tensor with a shape, of {types}")
    return name


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
