"""ONNX graphs whose nodes are replaced one by one: what is known of their values, and how new nodes are made.

Each node of a graph on its way to torch-mlir is named by the key of the user's node that it is a part of; nodes that
replace it inherit the name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Shape = tuple[int, ...]
#: The opset since which a reduction reads its axes.
AXES_ARE_INPUTS = 18


@dataclass
class Values:
    """The values of a graph by name: shapes and element types that inference found, and numbers that are constant.

    The numbers of `parameters`, which may be replaced later, are no constants.
    """

    shapes: dict[str, Shape]
    types: dict[str, int]
    constants: dict[str, np.ndarray]

    @classmethod
    def of(cls, graph: onnx.GraphProto, parameters: Iterable[str]) -> "Values":
        """What the graph says of its values, after shape inference."""
        shapes, types = {}, {}
        for value in [*graph.input, *graph.value_info, *graph.output]:
            kind = value.type.tensor_type
            types[value.name] = kind.elem_type
            if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
                shapes[value.name] = tuple(dim.dim_value for dim in kind.shape.dim)
        for tensor in graph.initializer:
            shapes[tensor.name], types[tensor.name] = tuple(tensor.dims), tensor.data_type
        changeable = set(parameters)
        constants = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name not in changeable
        }
        return cls(shapes, types, constants)


@dataclass
class Builder:
    """Makes nodes in place of one; `numbers` gives those of a constant that an operator reads, parameter or not, and
    `producer` the node that a value comes from, in the graph as it was."""

    values: Values
    numbers: Callable[[str], np.ndarray | None]
    producer: Callable[[str], onnx.NodeProto | None]
    opset: int
    _taken: set[str]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    arrays: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node of one result; returns the result's name."""
        return self.add_all(operator, inputs, 1, **attributes)[0]

    def add_all(self, operator: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """A node of `count` results; returns their names."""
        names = [self._fresh(operator) for _ in range(count)]
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(operator, list(inputs), names, **given))
        return names

    def array(self, numbers: np.ndarray | Sequence[int]) -> str:
        """A constant; integers are int64."""
        array = np.asarray(numbers, np.int64) if not isinstance(numbers, np.ndarray) else numbers
        name = self._fresh("constant")
        self.arrays.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def slice(self, x: str, axis: int, start: int, end: int, step: int = 1) -> str:
        """x[start:end:step] along an axis."""
        return self.add("Slice", [x, *(self.array([number]) for number in (start, end, axis, step))])

    def _fresh(self, stem: str) -> str:
        number = len(self._taken)
        while (name := f"{stem}.{number}") in self._taken:
            number += 1
        self._taken.add(name)
        return name


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes by name; text as str."""
    found = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def described(node: onnx.NodeProto) -> str:
    """`the operator LSTM (node 'encoder')`, of a node that is named by the key of one; it may be a part of that."""
    _, operator, name = (*node.name.split(":", 2), "", "")[:3] if node.name.count(":") > 1 else ("", node.op_type, "")
    place = f" (node '{name}')" if name else ""
    return f"the operator {operator}{place}" + (f", of which {node.op_type}" if node.op_type != operator else "")


def names_in(graph: onnx.GraphProto) -> set[str]:
    """All names of values, in subgraphs too."""
    names = {tensor.name for tensor in graph.initializer}
    names.update(value.name for value in [*graph.input, *graph.output, *graph.value_info])
    for node in graph.node:
        names.update((*node.input, *node.output))
        for inner in subgraphs(node):
            names |= names_in(inner)
    return names


def subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs in a node's attributes: bodies of loops, branches."""
    return [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]


def types_of(graph: onnx.GraphProto) -> dict[str, onnx.TypeProto]:
    """The types of all values that are known, after shape inference."""
    types = {value.name: value.type for value in [*graph.input, *graph.value_info, *graph.output]}
    for tensor in graph.initializer:
        types[tensor.name] = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    return types


def infer(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the type and shape of each value, found anew; strict: raises InferenceError."""
    del model.graph.value_info[:]
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
        if output.name in constants:
            for size in constants[output.name].dims:
                output.type.tensor_type.shape.dim.add(dim_value=size)
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
