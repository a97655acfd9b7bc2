"""ConvTranspose without `auto_pad`, `output_shape`, uneven padding and groups, which torch-mlir does not lower.

Padding takes outputs away at both ends: an uneven one is a slice of what there is without padding. A group is a
ConvTranspose of its own channels.
"""

from collections.abc import Sequence

import onnx

from rt3d_mlir.frontend.onnx_rewrites.graph import Builder, attributes


def transposed_conv(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    given = attributes(node)
    x, weight, *bias = node.input
    shape, kernel = builder.values.shapes.get(x), builder.values.shapes.get(weight)
    if shape is None or kernel is None:
        return None
    rank = len(shape) - 2
    group, pads = given.get("group", 1), _pads(given, shape[2:], kernel[2:])
    even = all(begin == end and begin >= 0 for begin, end in pads)
    plain = given.get("auto_pad", "NOTSET") == "NOTSET" and "output_shape" not in given
    if group == 1 and even and plain:
        return None
    said = {
        "strides": given.get("strides"),
        "dilations": given.get("dilations"),
        "pads": [*(begin for begin, _ in pads), *(end for _, end in pads)] if even else [0] * (2 * rank),
        "output_padding": given.get("output_padding"),
    }
    parts = [
        builder.add("ConvTranspose", [_part(x, 1, i, group, builder), _part(weight, 0, i, group, builder)], **said)
        for i in range(group)
    ]
    whole = builder.add("Concat", parts, axis=1) if group > 1 else parts[0]
    if not even:
        cut = [-begin for begin, _ in pads], [-end for _, end in pads]
        whole = builder.add("Pad", [whole, builder.array([0, 0, *cut[0], 0, 0, *cut[1]])])
    if bias and bias[0]:
        along = builder.add("Reshape", [bias[0], builder.array([-1, *[1] * rank])])
        whole = builder.add("Add", [whole, along])
    return [whole]


def _part(name: str, axis: int, number: int, count: int, builder: Builder) -> str:
    """One of `count` equal parts along an axis."""
    if count == 1:
        return name
    size = builder.values.shapes[name][axis] // count
    return builder.slice(name, axis, number * size, (number + 1) * size)


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
