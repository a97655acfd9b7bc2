"""ONNX models of older opsets, and operators that ONNX defines as functions of others, in what torch-mlir lowers.

Both tools are onnx's own. Neither needs the weights, which stay outside of the graph: they are declared as inputs.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from onnx import version_converter
from onnx.inliner import inline_local_functions

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.onnx_rewrites.graph import Values, infer, opset_of, types_of
from rt3d_mlir.frontend.onnx_rewrites.norms import group_norm_body

#: torch-mlir lowers all operators of this opset; of older ones it lacks some, as BatchNormalization of opset 14.
OLDEST = 17
#: The opset since which operators broadcast like numpy.
_BROADCAST = 7
#: Of functions while they are inlined.
_DOMAIN = "rt3d_mlir"


def lift(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in operators of opset `OLDEST`, or as it is if it is no older.

    Raises ModelError, naming the opset, where onnx cannot convert it.
    """
    version = opset_of(model)
    if version >= OLDEST:
        return model
    try:
        with _initializers_as_inputs(model):
            lifted = version_converter.convert_version(model, OLDEST)
    except (RuntimeError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].split("failed: ")[-1][:300]
        raise ModelError(
            f"onnx cannot convert this model from opset {version} to {OLDEST}: {first}. Export it again for opset "
            f"{OLDEST} or newer"
        ) from None
    lifted = _with_initializers_of(model, _named_like(model, lifted, ()))
    if version < _BROADCAST:
        _spread_slopes(lifted, model)
    return lifted


def _spread_slopes(lifted: onnx.ModelProto, model: onnx.ModelProto) -> None:
    """In place: older slopes of a PRelu were one a channel, which the converter leaves as they are."""
    shapes = Values.of(model.graph, [tensor.name for tensor in model.graph.initializer]).shapes
    nodes: list[onnx.NodeProto] = []
    for node in lifted.graph.node:
        x, slope = (*node.input, "", "")[:2]
        if node.op_type == "PRelu" and len(shapes[x]) > 2 and shapes[slope] != (1,):
            shape, spread = f"{node.output[0]}.shape", f"{node.output[0]}.slopes"
            numbers = np.array([-1, *[1] * (len(shapes[x]) - 2)], np.int64)
            lifted.graph.initializer.append(onnx.numpy_helper.from_array(numbers, shape))
            nodes.append(onnx.helper.make_node("Reshape", [slope, shape], [spread], node.name))
            node.input[1] = spread
        nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
    del lifted.graph.node[:]
    lifted.graph.node.extend(nodes)


def is_function(node: onnx.NodeProto, opset: int) -> bool:
    """Whether ONNX defines an operator as a function of others; a Range, as a loop, would be none that is easier."""
    schema = _schema(node, opset)
    return schema is not None and max(_versions(schema, opset)) > 0 and node.op_type != "Range"


def state_defaults(model: onnx.ModelProto) -> None:
    """Gives the nodes of functions their default attributes, in place: onnx does not look for them in bodies."""
    opset = opset_of(model)
    for node in model.graph.node:
        schema = _schema(node, opset) if is_function(node, opset) else None
        given = {attribute.name for attribute in node.attribute}
        for name, attribute in schema.attributes.items() if schema is not None else ():
            if name not in given and attribute.default_value.name:
                node.attribute.append(attribute.default_value)


def expand(model: onnx.ModelProto, operators: Collection[str]) -> onnx.ModelProto:
    """The model, shapes inferred, with its nodes of these operators replaced by the functions that define them.

    So are those whose results onnx infers no shape of, as GroupNormalization's: all that follows would have none.
    """
    state_defaults(model)
    model = infer(model)
    opset = opset_of(model)
    while calls := _calls(model.graph, operators, opset):
        before = onnx.ModelProto.FromString(model.SerializeToString())
        types = types_of(model.graph)
        for number, node in enumerate(calls):
            function = _body(node, opset, types)
            function.domain, function.name = _DOMAIN, f"{node.op_type}.{number}"
            node.domain, node.op_type = function.domain, function.name
            model.functions.append(function)
        model.opset_import.append(onnx.helper.make_opsetid(_DOMAIN, 1))
        with _initializers_as_inputs(model):
            inlined = inline_local_functions(model)
        model = _with_initializers_of(before, _named_like(before, inlined, {node.name for node in calls}))
        del model.opset_import[:]
        model.opset_import.extend(before.opset_import)
        state_defaults(model)
        model = infer(model)
    return model


def _calls(graph: onnx.GraphProto, operators: Collection[str], opset: int) -> list[onnx.NodeProto]:
    shapes = Values.of(graph, [tensor.name for tensor in graph.initializer]).shapes
    functions = [node for node in graph.node if is_function(node, opset)]

    def loses_shapes(node: onnx.NodeProto) -> bool:
        known = all(name in shapes for name in node.input if name)
        return known and not all(name in shapes for name in node.output if name)

    return [node for node in functions if node.op_type in operators or loses_shapes(node)]


def _schema(node: onnx.NodeProto, opset: int) -> Any:
    """An operator's schema, None of one that ONNX does not know. Its type lacks some of what it has."""
    known = onnx.defs.has(node.op_type, max_inclusive_version=opset, domain=node.domain)
    return onnx.defs.get_schema(node.op_type, opset, node.domain) if known else None


def _versions(schema: Any, opset: int) -> tuple[int, int]:
    """The newest versions of an operator's function that an opset knows: of the plain one, and of that which depends on
    types; 0 where there is none."""
    kinds = (schema.function_opset_versions, schema.context_dependent_function_opset_versions)
    plain, dependent = (max((version for version in versions if version <= opset), default=0) for versions in kinds)
    return plain, dependent


def _body(node: onnx.NodeProto, opset: int, types: Mapping[str, onnx.TypeProto]) -> onnx.FunctionProto:
    """What an operator consists of, given the types of its inputs."""
    if node.op_type == "GroupNormalization":
        own = group_norm_body(node, opset, types.get(node.input[0], onnx.TypeProto()))
        if own is not None:
            return own
    schema = _schema(node, opset)
    plain, dependent = _versions(schema, opset)
    if plain >= dependent:
        text = schema.get_function_with_opset_version(plain)
    else:
        kinds = [types.get(name, onnx.TypeProto()).SerializeToString() for name in node.input]
        text = schema.get_context_dependent_function_with_opset_version(dependent, node.SerializeToString(), kinds)
    function = onnx.FunctionProto.FromString(text)
    del function.opset_import[:]
    function.opset_import.append(onnx.helper.make_opsetid("", opset))
    return function


@contextmanager
def _initializers_as_inputs(model: onnx.ModelProto) -> Iterator[None]:
    """Declares the types of all initializers; those without numbers are inputs alone."""
    graph = model.graph
    declared = {value.name for value in graph.input}
    count, kept = len(graph.input), list(graph.initializer)
    for tensor in kept:
        if tensor.name not in declared:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    full = [tensor for tensor in kept if _has_numbers(tensor)]
    del graph.initializer[:]
    graph.initializer.extend(full)
    try:
        yield
    finally:
        del graph.input[count:]
        del graph.initializer[:]
        graph.initializer.extend(kept)


def _has_numbers(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.raw_data) or 0 in tensor.dims


def _with_initializers_of(model: onnx.ModelProto, changed: onnx.ModelProto) -> onnx.ModelProto:
    """`changed` with the inputs of `model`, and its initializers beside those that are new."""
    kept = {tensor.name for tensor in model.graph.initializer}
    new = [tensor for tensor in changed.graph.initializer if tensor.name not in kept]
    del changed.graph.initializer[:]
    changed.graph.initializer.extend([*model.graph.initializer, *new])
    del changed.graph.input[:]
    changed.graph.input.extend(model.graph.input)
    return changed


def _named_like(model: onnx.ModelProto, changed: onnx.ModelProto, calls: Collection[str]) -> onnx.ModelProto:
    """Names the new nodes like the node of `model` that they are of: one of `calls`, or one beside them.

    Both tools keep the order: what is new stands where the call was, or before or behind the node that needed it.
    """
    known = {node.name: node for node in model.graph.node}
    makers = {name: node.name for node in model.graph.node for name in node.output if name}
    waiting = iter([name for name in known if name in calls])
    current, missing = "", set[str]()
    for node in changed.graph.node:
        if node.name in known and node.name not in calls:
            current = node.name
            continue
        if calls and not missing:  # a body ends where all of the call's results are there
            current = next(waiting, current)
            missing = {name for name in known[current].output if name}
        node.name = next((makers[name] for name in node.output if name in makers), current)
        missing -= set(node.output)
    following = current
    for node in reversed(changed.graph.node):
        following = node.name = node.name or following
    return changed
