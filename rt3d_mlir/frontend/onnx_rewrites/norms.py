"""Norms in the form that block-layout knows, as rt3d_mlir.frontend.norms has them for PyTorch."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from rt3d_mlir.frontend.onnx_rewrites.graph import AXES_ARE_INPUTS, Builder, Shape, attributes

_EPSILON = 1e-5


def instance_normalization(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """Of [N, C, ...]; where that is a view of [N, G * K, ...], as PyTorch exports a group norm, of groups there."""
    x, scale, bias = node.input
    shape, epsilon = builder.values.shapes.get(x), attributes(node).get("epsilon", _EPSILON)
    if shape is None or len(shape) < 3 or 0 in shape:
        return None
    viewed = builder.producer(x)
    whole = builder.values.shapes.get(viewed.input[0]) if viewed is not None and viewed.op_type == "Reshape" else None
    if viewed is None or whole is None or not _views(whole, shape):
        return [_normalized(builder, x, shape, shape[1], [scale, bias], epsilon)]
    repeated = [_repeated(builder, each, shape[1], whole[1] // shape[1]) for each in (scale, bias)]
    y = _normalized(builder, viewed.input[0], whole, shape[1], repeated, epsilon)
    return [builder.add("Reshape", [y, builder.array(list(shape))])]


def layer_normalization(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """Of [..., *axes]; as it is where somebody reads its mean or deviation. torch-mlir computes in float64."""
    x, scale, *bias = node.input
    shape, given = builder.values.shapes.get(x), attributes(node)
    if shape is None or any(node.output[1:]):
        return None
    axes = list(range(given.get("axis", -1) % len(shape), len(shape)))
    off = builder.add("Sub", [x, _reduced(builder, x, axes)])
    variance = _reduced(builder, builder.add("Mul", [off, off]), axes)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(builder.values.types[x])
    epsilon = builder.array(np.array(given.get("epsilon", _EPSILON), dtype))
    deviation = builder.add("Sqrt", [builder.add("Add", [variance, epsilon])])
    y = builder.add("Mul", [builder.add("Div", [off, deviation]), scale])
    return [builder.add("Add", [y, bias[0]]) if any(bias) else y]


def group_norm_body(node: onnx.NodeProto, opset: int, x: onnx.TypeProto) -> onnx.FunctionProto | None:
    """A GroupNormalization as an instance norm of its groups, for an input of this type; None if its rank is not known.

    ONNX's own body takes the variance as the mean of squares less the square of the mean, and has no shape.
    """
    kind, given = x.tensor_type, attributes(node)
    if not kind.HasField("shape"):
        return None
    groups, by_channel = given["num_groups"], [1, -1, *[1] * (len(kind.shape.dim) - 2)]
    numbers = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    constants = {"view": [0, groups, -1], "column": by_channel, "ones": np.ones(groups, numbers)}
    constants["zeros"] = np.zeros(groups, numbers)
    epsilon = {"epsilon": given.get("epsilon", _EPSILON)}
    steps: list[tuple[str, list[str], str, dict]] = [
        ("Reshape", ["x", "view"], "viewed", {}),
        ("InstanceNormalization", ["viewed", "ones", "zeros"], "normal", epsilon),
        ("Shape", ["x"], "shape", {}),
        ("Reshape", ["normal", "shape"], "whole", {}),
        ("Reshape", ["scale", "column"], "scales", {}),
        ("Reshape", ["bias", "column"], "biases", {}),
        ("Mul", ["whole", "scales"], "scaled", {}),
        ("Add", ["scaled", "biases"], "y", {}),
    ]
    nodes = [
        onnx.helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value), name))
        for name, value in constants.items()
    ]
    nodes += [onnx.helper.make_node(operator, read, [made], **how) for operator, read, made, how in steps]
    opsets = [onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_function("", "GroupNormalization", ["x", "scale", "bias"], ["y"], nodes, opsets)


def _views(whole: Shape, shape: Shape) -> bool:
    """Whether [N, G, ...] are groups of the channels of [N, C, D, H, W]."""
    same = 3 <= len(whole) <= 5 and len(shape) == 3 and whole[0] == shape[0]
    return same and whole[1] > shape[1] and whole[1] % shape[1] == 0


def _repeated(builder: Builder, numbers: str, groups: int, size: int) -> str:
    """A number a group as one a channel."""
    column = builder.add("Reshape", [numbers, builder.array([groups, 1])])
    spread = builder.add("Expand", [column, builder.array([groups, size])])
    return builder.add("Reshape", [spread, builder.array([groups * size])])


def _normalized(builder: Builder, x: str, shape: Shape, groups: int, parameters: Sequence[str], epsilon: float) -> str:
    """x of `shape` by groups, times and plus the `parameters` by channel."""
    batch, channels, *positions = shape
    volume = [batch, channels, *[1] * (5 - len(shape)), *positions]
    lifted = builder.add("Reshape", [x, builder.array(volume)]) if len(shape) < 5 else x
    off = builder.add("Sub", [lifted, _means(builder, lifted, volume, groups)])
    variance = _means(builder, builder.add("Mul", [off, off]), volume, groups)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(builder.values.types[x])
    deviation = builder.add("Sqrt", [builder.add("Add", [variance, builder.array(np.array(epsilon, dtype))])])
    scale, bias = (builder.add("Reshape", [each, builder.array([1, channels, 1, 1, 1])]) for each in parameters)
    y = builder.add("Add", [builder.add("Mul", [off, builder.add("Div", [scale, deviation])]), bias])
    return builder.add("Reshape", [y, builder.array(list(shape))]) if len(shape) < 5 else y


def _means(builder: Builder, x: str, shape: Sequence[int], groups: int) -> str:
    """The mean of each channel's group: [N, C, 1, 1, 1] of [N, C, D, H, W]."""
    batch, channels, *positions = shape
    if groups == channels:
        return _reduced(builder, x, [2, 3, 4])
    size = channels // groups
    means = _reduced(
        builder, builder.add("Reshape", [x, builder.array([batch, groups, size, *positions])]), [2, 3, 4, 5]
    )
    spread = builder.add("Expand", [means, builder.array([batch, groups, size, 1, 1, 1])])
    return builder.add("Reshape", [spread, builder.array([batch, channels, 1, 1, 1])])


def _reduced(builder: Builder, x: str, axes: Sequence[int]) -> str:
    if builder.opset >= AXES_ARE_INPUTS:
        return builder.add("ReduceMean", [x, builder.array(axes)], keepdims=1)
    return builder.add("ReduceMean", [x], axes=list(axes), keepdims=1)
