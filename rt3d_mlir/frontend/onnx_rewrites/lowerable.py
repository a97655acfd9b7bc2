"""An ONNX graph as torch-mlir is to get it: of a newer opset, its constants folded, some operators written in others.

Each rule is a function of a node that returns the names of the results of what it put in the node's place, or None
where torch-mlir lowers the node rightly as it is.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import onnx

from rt3d_mlir.frontend.onnx_rewrites.fold import fold
from rt3d_mlir.frontend.onnx_rewrites.graph import Builder, Values, names_in, opset_of
from rt3d_mlir.frontend.onnx_rewrites.grid_sample import grid_sample
from rt3d_mlir.frontend.onnx_rewrites.norms import instance_normalization, layer_normalization
from rt3d_mlir.frontend.onnx_rewrites.opset import expand, lift
from rt3d_mlir.frontend.onnx_rewrites.pools import average_pool, lp_pool, max_pool
from rt3d_mlir.frontend.onnx_rewrites.recurrent import recurrent
from rt3d_mlir.frontend.onnx_rewrites.resize import resize
from rt3d_mlir.frontend.onnx_rewrites.small import (
    backward_slice,
    batchless_matmul,
    compress,
    depth_to_space,
    determinant,
    lp_normalization,
    pad,
    random,
    reverse_sequence,
)
from rt3d_mlir.frontend.onnx_rewrites.transposed_conv import transposed_conv

#: Raises ModelError where nothing would be right.
Rule = Callable[[onnx.NodeProto, Builder], Sequence[str] | None]

RULES: Mapping[str, Rule] = {
    "AveragePool": average_pool,
    "Compress": compress,
    "ConvTranspose": transposed_conv,
    "DepthToSpace": depth_to_space,
    "Det": determinant,
    "Dropout": random,
    "GRU": recurrent,
    "GridSample": grid_sample,
    "InstanceNormalization": instance_normalization,
    "LayerNormalization": layer_normalization,
    "LSTM": recurrent,
    "LpNormalization": lp_normalization,
    "LpPool": lp_pool,
    "MatMul": batchless_matmul,
    "MaxPool": max_pool,
    "Pad": pad,
    "RNN": recurrent,
    "RandomNormal": random,
    "RandomNormalLike": random,
    "RandomUniform": random,
    "RandomUniformLike": random,
    "Resize": resize,
    "ReverseSequence": reverse_sequence,
    "Slice": backward_slice,
}
#: Functions that torch-mlir has a lowering of that is wrong: the weights of classes, the mean over none, a new `mode`.
MISTAKEN = ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss", "SpaceToDepth")


def lowerable(
    model: onnx.ModelProto, arrays: Mapping[str, np.ndarray], functions: Collection[str] = ()
) -> onnx.ModelProto:
    """A new model with the shape of each value; `functions` are operators to replace by what ONNX defines them as.

    The nodes of `model` have unique names, which those that replace them inherit. `arrays` are its parameters. Raises
    ModelError where its opset cannot be converted, onnx's InferenceError where shapes contradict each other.
    """
    lifted = lift(model)
    current = fold(expand(lifted, {*functions, *MISTAKEN}), arrays)
    while _rewrite(current, arrays):
        current = fold(current, arrays)
    return current


def _rewrite(model: onnx.ModelProto, arrays: Mapping[str, np.ndarray]) -> bool:
    """Applies the rules once to each node, in place; whether one did."""
    graph = model.graph
    values, taken, opset = Values.of(graph, arrays), names_in(graph), opset_of(model)
    nodes: list[onnx.NodeProto] = []
    changed = False
    producers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        numbers = lambda name: values.constants.get(name, arrays.get(name))  # noqa: E731
        builder = Builder(values, numbers, producers.get, opset, taken)
        rule = RULES.get(node.op_type)
        results = rule(node, builder) if rule is not None else None
        if results is None:
            nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
            continue
        changed = True
        nodes.extend(_in_place_of(node, builder.nodes, results))
        graph.initializer.extend(builder.arrays)
    if changed:
        del graph.node[:]
        graph.node.extend(nodes)
    return changed


def _in_place_of(
    node: onnx.NodeProto, nodes: Sequence[onnx.NodeProto], results: Sequence[str]
) -> Sequence[onnx.NodeProto]:
    """The new nodes, named like the old one, with its results."""
    made = {name for new in nodes for name in new.output}
    renamed = {new: old for new, old in zip(results, node.output, strict=False) if old and new in made}
    for new in nodes:
        new.name = node.name
        new.input[:] = [renamed.get(name, name) for name in new.input]
        new.output[:] = [renamed.get(name, name) for name in new.output]
    passed = [(new, old) for new, old in zip(results, node.output, strict=False) if old and new not in made]
    return [*nodes, *(onnx.helper.make_node("Identity", [new], [old], node.name) for new, old in passed)]
