"""ConvTranspose as a Conv of all phases, whose channels are then interleaved: frontend/transposed_conv.py in ONNX.

    Conv (filters of each phase) -> Reshape -> Transpose -> Reshape -> Slice

torch-mlir puts zeros between the inputs, and lowers neither `auto_pad` nor `output_shape`, uneven padding or groups.
Padding takes outputs away at both ends, so that an uneven one is no other case.
"""

from collections.abc import Sequence
from math import prod

import onnx

from rt3d_mlir.frontend.onnx_rewrites.graph import Builder, attributes
from rt3d_mlir.frontend.transposed_axis import TransposedAxis


def transposed_conv(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    given = attributes(node)
    x, weight, *bias = node.input
    shape, kernel = builder.values.shapes.get(x), builder.values.shapes.get(weight)
    if shape is None or kernel is None or not 1 <= len(shape) - 2 <= 3:
        return None
    groups, filters = given.get("group", 1), kernel[1]
    axes = _axes(given, shape[2:], kernel[2:])
    phases, steps = [axis.stride for axis in axes], [axis.steps for axis in axes]
    inputs = [_padded(x, axes, builder), _filters(weight, kernel, axes, groups, builder)]
    if bias and bias[0]:
        split = builder.add("Reshape", [bias[0], builder.array([groups, 1, filters])])
        repeated = builder.add("Concat", [split] * prod(phases), axis=1)
        inputs.append(builder.add("Reshape", [repeated, builder.array([-1])]))
    y = builder.add("Conv", inputs, group=groups)
    rank = len(axes)
    y = builder.add("Reshape", [y, builder.array([shape[0], groups, *phases, filters, *steps])])
    places = [at for i in range(rank) for at in (3 + rank + i, 2 + i)]
    y = builder.add("Transpose", [y], perm=[0, 1, 2 + rank, *places])
    whole = [count * step for count, step in zip(phases, steps, strict=True)]
    y = builder.add("Reshape", [y, builder.array([shape[0], groups * filters, *whole])])
    for i, axis in enumerate(axes):
        y = builder.slice(y, 2 + i, 0, axis.out) if axis.out < whole[i] else y
    return [y]


def _axes(given: dict, size: Sequence[int], kernel: Sequence[int]) -> list[TransposedAxis]:
    ones = [1] * len(size)
    strides, dilations = (given.get(name) or ones for name in ("strides", "dilations"))
    extra = given.get("output_padding") or [0] * len(size)
    found = []
    for axis, (begin, end) in enumerate(_pads(given, size, kernel)):
        whole = (size[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 + extra[axis]
        out = whole - begin - end
        found.append(TransposedAxis(size[axis], kernel[axis], strides[axis], begin, dilations[axis], out))
    return found


def _padded(x: str, axes: Sequence[TransposedAxis], builder: Builder) -> str:
    """x with zeros around it, and without what no window reads."""
    margins = [axis.margins for axis in axes]
    for i, (axis, (before, after)) in enumerate(zip(axes, margins, strict=True)):
        if min(before, after) < 0:
            x = builder.slice(x, 2 + i, max(0, -before), axis.size - max(0, -after))
    amounts = [[max(0, side) for side in sides] for sides in zip(*margins, strict=True)]
    if not any(max(side) for side in amounts):
        return x
    return builder.add("Pad", [x, builder.array([0, 0, *amounts[0], 0, 0, *amounts[1]])])


def _filters(weight: str, shape: Sequence[int], axes: Sequence[TransposedAxis], groups: int, builder: Builder) -> str:
    """The weights of the plain conv: [G * phases * M/G, C/G, *distances]."""
    rank, sizes = len(axes), list(shape)
    for i, axis in enumerate(axes):  # each axis of taps becomes one of phases, each with all distances
        dim, taps = 2 + i, axis.filter_taps
        sizes[dim] = 1
        none = builder.add("ConstantOfShape", [builder.array(sizes)]) if None in taps else ""
        parts = [none if tap is None else builder.slice(weight, dim, tap, tap + 1) for tap in taps]
        weight = builder.add("Concat", parts, axis=dim)
        sizes[dim] = len(taps)
    split = [extent for axis in axes for extent in (axis.stride, len(axis.distances))]
    weight = builder.add("Reshape", [weight, builder.array([groups, shape[0] // groups, shape[1], *split])])
    phases, distances = [3 + 2 * i for i in range(rank)], [4 + 2 * i for i in range(rank)]
    weight = builder.add("Transpose", [weight], perm=[0, *phases, 2, 1, *distances])
    kernel = [len(axis.distances) for axis in axes]
    return builder.add("Reshape", [weight, builder.array([-1, shape[0] // groups, *kernel])])


def _pads(given: dict, size: Sequence[int], kernel: Sequence[int]) -> list[tuple[int, int]]:
    """What is taken away before and after each axis; negative where zeros are added."""
    rank, mode = len(size), given.get("auto_pad", "NOTSET")
    pads = given.get("pads") or [0] * (2 * rank)
    if mode == "VALID":
        pads = [0] * (2 * rank)
    ones = [1] * rank
    strides, dilations, extra = (
        given.get(name) or default
        for name, default in (("strides", ones), ("dilations", ones), ("output_padding", [0] * rank))
    )
    wanted = given.get("output_shape")
    if wanted is None and mode in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(size, strides, strict=True)]
    if wanted is None:
        return [(pads[i], pads[i + rank]) for i in range(rank)]
    full = [(size[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 + extra[i] for i in range(rank)]
    totals = [whole - out for whole, out in zip(full, list(wanted)[-rank:], strict=True)]
    halves = [(total // 2, total - total // 2) for total in totals]
    upper = mode == "SAME_UPPER"
    return [(0, less + more) if less + more < 0 else (less, more) if upper else (more, less) for less, more in halves]
