"""Rules of a few lines."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import onnx

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.onnx_rewrites.graph import AXES_ARE_INPUTS, Builder, attributes, described

_LARGEST_DET = 6


def backward_slice(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """A Slice with negative steps picks its positions one by one: torch-mlir lowers it to other numbers."""
    shape = builder.values.shapes.get(node.input[0])
    numbers = [builder.numbers(name) if name else None for name in [*node.input[1:], "", ""][:4]]
    starts, ends, axes, steps = numbers
    if shape is None or starts is None or ends is None or steps is None or (steps > 0).all():
        return None
    x = node.input[0]
    for i, step in enumerate(steps):
        axis = (int(axes[i]) if axes is not None else i) % len(shape)
        picked = range(shape[axis])[int(starts[i]) : _end(int(ends[i]), shape[axis], int(step)) : int(step)]
        x = builder.add("Gather", [x, builder.array(list(picked))], axis=axis)
    return [x]


def _end(end: int, size: int, step: int) -> int | None:
    """Python's end of a slice: what lies before the first position ends a backward slice behind that one."""
    return None if step < 0 and end < -size else end


def pad(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """A Pad with the input's own numbers picks positions along each axis; IREE cannot compile all of torch-mlir's."""
    shape, mode = builder.values.shapes.get(node.input[0]), attributes(node).get("mode", "constant")
    pads, _, axes = (builder.numbers(name) if name else None for name in [*node.input[1:], "", "", ""][:3])
    if mode == "constant" or shape is None or pads is None or 0 in shape:
        return None
    x, count = node.input[0], len(pads) // 2
    for i, axis in enumerate(axes if axes is not None else range(count)):
        before, after, size = int(pads[i]), int(pads[i + count]), shape[axis]
        kept = np.arange(size)[max(-before, 0) : size - max(-after, 0)]
        positions = np.pad(kept, (max(before, 0), max(after, 0)), mode)
        if not np.array_equal(positions, np.arange(size)):
            x = builder.add("Gather", [x, builder.array(positions)], axis=int(axis) % len(shape))
    return [x]


def random(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """Raises ModelError for what draws random numbers, which no two runs have in common."""
    if node.op_type == "Dropout":
        ratio, training = (builder.numbers(name) if name else None for name in [*node.input[1:], "", ""][:2])
        if training is None or not training.any() or (ratio is not None and not ratio.any()):
            return None
    raise ModelError(f"cannot lower {described(node)}: it draws random numbers; export the model in evaluation mode")


def reverse_sequence(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """A ReverseSequence of lengths that are constant picks its steps one by one; IREE does not compile torch-mlir's."""
    shape, lengths = builder.values.shapes.get(node.input[0]), builder.numbers(node.input[1])
    if shape is None or lengths is None:
        return None
    given = attributes(node)
    steps = np.arange(shape[given.get("time_axis", 0)])[:, None]
    turned, batch = np.where(steps < lengths, lengths - 1 - steps, steps), np.arange(len(lengths))
    places = turned * len(batch) + batch if given.get("batch_axis", 1) else (turned + batch * len(steps)).T
    flat = builder.add("Reshape", [node.input[0], builder.array([-1, *shape[2:]])])
    picked = builder.add("Gather", [flat, builder.array(places.reshape(-1))], axis=0)
    return [builder.add("Reshape", [picked, builder.array(list(shape))])]


def compress(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """A Compress whose condition is constant is a Gather."""
    condition, axis = builder.numbers(node.input[1]), attributes(node).get("axis")
    if condition is None:
        return None
    positions = builder.array(np.flatnonzero(condition))
    flat = node.input[0] if axis is not None else builder.add("Reshape", [node.input[0], builder.array([-1])])
    return [builder.add("Gather", [flat, positions], axis=axis or 0)]


def lp_normalization(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """Vectors over their lengths; those of length 0 stay, which torch-mlir divides by it."""
    given, x = attributes(node), node.input[0]
    reduce, axes = f"ReduceL{given.get('p', 2)}", [given.get("axis", -1)]
    newer = builder.opset >= AXES_ARE_INPUTS
    inputs = [x, builder.array(axes)] if newer else [x]
    lengths = builder.add(reduce, inputs, axes=None if newer else axes, keepdims=1)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(builder.values.types[x])
    empty = builder.add("Equal", [lengths, builder.array(np.zeros((), dtype))])
    return [builder.add("Div", [x, builder.add("Where", [empty, builder.array(np.ones((), dtype)), lengths])])]


def determinant(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """A Det by minors: torch-mlir's does not pivot, and divides by zero where the first element is.

    The minors of the last rows are needed for each choice of as many columns, 2^n in all. Raises ModelError for
    matrices of more than `_LARGEST_DET` rows.
    """
    shape = builder.values.shapes.get(node.input[0])
    if shape is None:
        return None
    size, rank = shape[-1], len(shape)
    if size > _LARGEST_DET:
        raise ModelError(f"cannot lower {described(node)}: of {size}x{size} matrices; of {_LARGEST_DET} rows it can")

    def element(row: int, column: int) -> str:
        whole = builder.add("Gather", [node.input[0], builder.array(np.array(row))], axis=rank - 2)
        return builder.add("Gather", [whole, builder.array(np.array(column))], axis=rank - 2)

    minors: dict[tuple[int, ...], str] = {(column,): element(size - 1, column) for column in range(size)}
    for row in reversed(range(size - 1)):
        elements = [element(row, column) for column in range(size)]
        larger = combinations(range(size), size - row)
        minors = {columns: _expanded(columns, elements, minors, builder) for columns in larger}
    return [minors[tuple(range(size))]]


def _expanded(
    columns: tuple[int, ...], elements: Sequence[str], minors: dict[tuple[int, ...], str], builder: Builder
) -> str:
    """The minor of these columns, along its first row."""
    total = ""
    for place, column in enumerate(columns):
        smaller = minors[columns[:place] + columns[place + 1 :]]
        term = builder.add("Mul", [elements[column], smaller])
        total = builder.add("Sub" if place % 2 else "Add", [total, term]) if total else term
    return total


def batchless_matmul(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """A vector times a batch of matrices, as a batch of products of matrices."""
    left, right = node.input
    ranks = [len(builder.values.shapes.get(name, (0, 0))) for name in node.input]
    if min(ranks) > 1 or max(ranks) < 3:
        return None
    axis = -2 if ranks[0] == 1 else -1
    if ranks[0] == 1:
        left = builder.add("Unsqueeze", [left, builder.array([0])])
    else:
        right = builder.add("Unsqueeze", [right, builder.array([1])])
    return [builder.add("Squeeze", [builder.add("MatMul", [left, right]), builder.array([axis])])]


def depth_to_space(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """As a reshape, a transpose and a reshape; torch-mlir takes the channels for places in the mode CRD."""
    shape, given = builder.values.shapes.get(node.input[0]), attributes(node)
    if shape is None:
        return None
    batch, channels, height, width = shape
    step = given["blocksize"]
    left = channels // step**2
    inside = given.get("mode", "DCR") == "CRD"
    split, order = ([left, step, step], [0, 1, 4, 2, 5, 3]) if inside else ([step, step, left], [0, 3, 4, 1, 5, 2])
    y = builder.add("Reshape", [node.input[0], builder.array([batch, *split, height, width])])
    y = builder.add("Transpose", [y], perm=order)
    return [builder.add("Reshape", [y, builder.array([batch, left, height * step, width * step])])]
