"""LSTM, GRU and RNN that run backwards, or both ways, in ones that run forwards over the turned sequence."""

from collections.abc import Sequence

import onnx

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.onnx_rewrites.graph import Builder, attributes, described

#: The inputs that both directions share, X and the lengths; weights, biases, states and peepholes have a part for each.
_SHARED = (0, 4)
_PEEPHOLES = 7


def recurrent(node: onnx.NodeProto, builder: Builder) -> Sequence[str] | None:
    """One forward node a direction. None for sequences of several lengths, and for `layout` 1.

    Raises ModelError for what torch-mlir takes no notice of.
    """
    given = attributes(node)
    ignored = [name for name in ("clip", "input_forget") if given.get(name)]
    if ignored or (len(node.input) > _PEEPHOLES and node.input[_PEEPHOLES]):
        raise ModelError(f"cannot lower {described(node)}: with {ignored[0] if ignored else 'peepholes'}")
    direction, shape = given.get("direction", "forward"), builder.values.shapes.get(node.input[0])
    lengths = builder.numbers(node.input[4]) if len(node.input) > 4 and node.input[4] else None
    several = (
        len(node.input) > 4 and node.input[4] and (lengths is None or shape is None or (lengths != shape[0]).any())
    )
    if direction == "forward" or given.get("layout") or shape is None or several:
        return None
    ways = [False, True] if direction == "bidirectional" else [True]
    results = [_one_way(node, number, len(ways), turned, builder) for number, turned in enumerate(ways)]
    if len(results) == 1:
        return results[0]
    return [
        builder.add("Concat", parts, axis=0 if number else 1) for number, parts in enumerate(zip(*results, strict=True))
    ]


def _one_way(node: onnx.NodeProto, number: int, count: int, turned: bool, builder: Builder) -> Sequence[str]:
    """The results of direction `number` of `count`."""
    given = attributes(node)
    inputs = [
        name if place in _SHARED or not name or count == 1 else builder.slice(name, 0, number, number + 1)
        for place, name in enumerate(node.input)
    ]
    if len(inputs) > 4:
        inputs[4] = ""  # all as long as X
    length = builder.values.shapes[node.input[0]][0]
    backwards = list(reversed(range(length)))
    if turned:
        inputs[0] = builder.add("Gather", [inputs[0], builder.array(backwards)], axis=0)
    for name in ("activations", "activation_alpha", "activation_beta"):
        if name in given:
            part = len(given[name]) // count
            given[name] = given[name][number * part : (number + 1) * part]
    given["direction"] = "forward"
    results = builder.add_all(node.op_type, inputs, len(node.output), **given)
    if turned:
        results[0] = builder.add("Gather", [results[0], builder.array(backwards)], axis=0)
    return results
