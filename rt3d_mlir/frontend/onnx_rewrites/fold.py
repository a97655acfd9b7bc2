"""Constant folding of ONNX graphs: with fixed shapes, all that a model computes of shapes is constant.

    Reshape(x, Concat(Shape(x)[:1], [-1]))   ->   Reshape(x, [1, -1])

torch-mlir lowers many operators only where their axes, sizes and conditions are constants of the graph. onnx's
reference evaluator computes them; parameters are left alone, for masks and weight files replace their numbers later.
"""

from collections.abc import Collection, Iterator

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from rt3d_mlir.frontend.onnx_rewrites.graph import Values, attributes, infer, subgraphs

#: Larger results stay computed: they would be text in the IR.
LARGEST = 1 << 16
_RANDOM = (
    "Bernoulli",
    "Dropout",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)


def fold(model: onnx.ModelProto, parameters: Collection[str]) -> onnx.ModelProto:
    """The model, shapes inferred, without nodes that depend on constants and shapes alone, and without dead ones."""
    while True:
        model = infer(model)
        if not _fold_once(model, parameters):
            return model


def _fold_once(model: onnx.ModelProto, parameters: Collection[str]) -> bool:
    graph = model.graph
    values = Values.of(graph, parameters)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        numbers = _evaluate(node, values, model)
        if numbers is not None:
            for name, array in zip(node.output, numbers, strict=False):
                graph.initializer.append(numpy_helper.from_array(array, name))
                values.constants[name] = array
        elif node.op_type == "If" and node.input[0] in values.constants:
            nodes.extend(_branch(node, bool(values.constants[node.input[0]].reshape(()))))
        else:
            nodes.append(node)
    nodes = list(_alive(nodes, {output.name for output in graph.output}))
    changed = len(nodes) != len(graph.node) or any(a is not b for a, b in zip(nodes, graph.node, strict=True))
    if changed:
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
        _drop_unused(graph, parameters)
    return changed


def _evaluate(node: onnx.NodeProto, values: Values, model: onnx.ModelProto) -> list[np.ndarray] | None:
    """What a node gives, where that is constant."""
    if node.op_type in ("Shape", "Size"):
        shape = values.shapes.get(node.input[0])
        return None if shape is None else [_shape(node, shape)]
    if (nothing := _without_elements(node, values)) is not None:
        return nothing
    if node.op_type in _RANDOM or subgraphs(node) or not all(name in values.constants for name in node.input if name):
        return None
    outputs = [name for name in node.output if name]
    sizes = [np.prod(values.shapes[name]) for name in outputs if name in values.shapes]
    if len(outputs) != len(node.output) or any(size > LARGEST for size in sizes):
        return None
    if any(values.types.get(name) in (None, onnx.TensorProto.STRING) for name in outputs):
        return None
    inner = onnx.helper.make_graph(
        [node],
        "constant",
        [_declared(name, values.constants[name]) for name in dict.fromkeys(node.input) if name],
        [onnx.helper.make_tensor_value_info(name, values.types[name], None) for name in outputs],
    )
    whole = onnx.helper.make_model(inner, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    try:
        with np.errstate(all="ignore"):
            given = {name: values.constants[name] for name in node.input if name}
            found = ReferenceEvaluator(whole).run(None, given)
    except Exception:  # whatever it lacks is left to torch-mlir
        return None
    arrays = [np.asarray(array) for array in found]
    wanted = [onnx.helper.tensor_dtype_to_np_dtype(values.types[name]) for name in outputs]
    fits = all(a.dtype == dtype and a.size <= LARGEST for a, dtype in zip(arrays, wanted, strict=True))
    return arrays if fits else None


def _without_elements(node: onnx.NodeProto, values: Values) -> list[np.ndarray] | None:
    """The results of a node that has no element to compute, with which torch-mlir would divide by zero."""
    if not node.output or not all(0 in values.shapes.get(name, ()) for name in node.output):
        return None
    dtypes = [onnx.helper.tensor_dtype_to_np_dtype(values.types[name]) for name in node.output]
    return [np.zeros(values.shapes[name], dtype) for name, dtype in zip(node.output, dtypes, strict=True)]


def _shape(node: onnx.NodeProto, shape: tuple[int, ...]) -> np.ndarray:
    if node.op_type == "Size":
        return np.array(np.prod(shape, dtype=np.int64))
    given = attributes(node)
    return np.array(shape[given.get("start", 0) : given.get("end")], np.int64)


def _declared(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    return onnx.helper.make_tensor_value_info(name, kind, array.shape)


def _branch(node: onnx.NodeProto, condition: bool) -> Iterator[onnx.NodeProto]:
    """The nodes of the branch that is taken, its results called like the node's."""
    wanted = "then_branch" if condition else "else_branch"
    (graph,) = [attribute.g for attribute in node.attribute if attribute.name == wanted]
    for tensor in graph.initializer:
        yield onnx.helper.make_node("Constant", [], [tensor.name], node.name, value=tensor)
    for inner in graph.node:
        inner.name = node.name
        yield inner
    for name, value in zip(node.output, graph.output, strict=True):
        yield onnx.helper.make_node("Identity", [value.name], [name], node.name)


def _alive(nodes: list[onnx.NodeProto], wanted: set[str]) -> Iterator[onnx.NodeProto]:
    """The nodes, in order, whose results somebody reads."""
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(_reads(node))
    yield from reversed(kept)


def _reads(node: onnx.NodeProto) -> set[str]:
    inner = [name for graph in subgraphs(node) for part in graph.node for name in _reads(part)]
    results = [value.name for graph in subgraphs(node) for value in graph.output]
    return {name for name in (*node.input, *inner, *results) if name}


def _drop_unused(graph: onnx.GraphProto, parameters: Collection[str]) -> None:
    """Forgets constants that nobody reads any more; parameters stay."""
    used = set(parameters) | {output.name for output in graph.output}
    for node in graph.node:
        used |= _reads(node)
    kept = [onnx.TensorProto.FromString(t.SerializeToString()) for t in graph.initializer if t.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
