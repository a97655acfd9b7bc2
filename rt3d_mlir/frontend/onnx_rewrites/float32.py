"""ONNX graphs of float16, bfloat16 and float64, computed in float32: our kernels know no other type."""

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from rt3d_mlir.frontend.onnx_rewrites.graph import subgraphs

OTHERS: dict[int, str] = {
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
}
#: Attributes that name an element type.
_TYPE_NAMES = ("to", "dtype", "output_dtype", "stash_type", "softmax_precision")


def in_float32(graph: onnx.GraphProto) -> set[str]:
    """Makes all floating-point values of a graph float32, in place; the names of the types that others had.

    Numbers beyond float16's range, which it would make infinite, stay finite.
    """
    found = {_declare(value) for value in [*graph.input, *graph.output, *graph.value_info]}
    found |= {_convert(tensor) for tensor in graph.initializer}
    for node in graph.node:
        found |= {_convert(attribute.t) for attribute in node.attribute if attribute.HasField("t")}
        found |= {name for inner in subgraphs(node) for name in in_float32(inner)}
        for attribute in node.attribute:
            if attribute.name in _TYPE_NAMES and attribute.i in OTHERS:
                found.add(OTHERS[attribute.i])
                attribute.i = TensorProto.FLOAT
    return found - {""}


def _declare(value: onnx.ValueInfoProto) -> str:
    kind = value.type.tensor_type
    name = OTHERS.get(kind.elem_type, "")
    if name:
        kind.elem_type = TensorProto.FLOAT
    return name


def _convert(tensor: onnx.TensorProto) -> str:
    name = OTHERS.get(tensor.data_type, "")
    if name and (tensor.raw_data or tensor.int32_data or tensor.double_data or not np.prod(tensor.dims)):
        array = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    elif name:  # its numbers left the graph
        tensor.data_type = TensorProto.FLOAT
    return name
