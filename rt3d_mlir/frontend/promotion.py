"""Casts where PyTorch casts without a word: uint8 and bool beside other types, or compared.

    x * y, x of float32, y of uint8        y is cast to float32 first

torch-mlir casts so too, but takes all whole numbers for signed ones there: 255 becomes -1, and true, of one bit, as
well. A cast that stands in the graph is lowered with the type that it has there. So each such cast is written down.
"""

import torch
from torch.fx import GraphModule, Node
from torch.fx.node import Argument, map_aggregate

_UNSIGNED = (torch.uint8, torch.bool)
_ATEN = torch.ops.aten
#: The ops whose operands may be of different types.
_PROMOTING = (
    *(_ATEN.add, _ATEN.sub, _ATEN.rsub, _ATEN.mul, _ATEN.div, _ATEN.pow, _ATEN.remainder, _ATEN.fmod, _ATEN.atan2),
    *(_ATEN.maximum, _ATEN.minimum, _ATEN.cat, _ATEN.where, _ATEN.addcmul, _ATEN.addcdiv, _ATEN.lerp),
    *(_ATEN.eq, _ATEN.ne, _ATEN.lt, _ATEN.le, _ATEN.gt, _ATEN.ge),
)
#: What says where in a model a node is from.
_PLACE = ("from_node", "nn_module_stack", "stack_trace")


def write_casts(graph_module: GraphModule) -> None:
    """Puts a cast in front of each operand of uint8 or bool that PyTorch computes with in another type, in place."""
    for node in list(graph_module.graph.nodes):
        if getattr(node.target, "overloadpacket", None) not in _PROMOTING:
            continue
        kept = 1 if node.target.overloadpacket is _ATEN.where else 0  # the condition
        operands = node.args[kept:]
        kind = _computed_in(node, operands)
        with graph_module.graph.inserting_before(node):
            casts = {operand: cast(node, operand, kind) for operand in _of_others(operands, kind)}
        changed = map_aggregate(
            operands, lambda leaf, casts=casts: casts.get(leaf, leaf) if isinstance(leaf, Node) else leaf
        )
        node.args = (*node.args[:kept], *changed)
    graph_module.recompile()


def _computed_in(node: Node, operands: Argument) -> torch.dtype:
    """The type that an op's operands are cast to: its result's, or for a comparison the one that all fit in."""
    kind = node.meta["val"].dtype
    for other in _leaves(operands) if kind is torch.bool else []:
        value = other.meta["val"] if isinstance(other, Node) else other
        if isinstance(value, torch.Tensor | int | float):
            kind = torch.result_type(torch.empty(1, dtype=kind), value)
    return torch.int32 if kind is torch.uint8 and node.meta["val"].dtype is torch.bool else kind


def _of_others(operands: Argument, kind: torch.dtype) -> list[Node]:
    found = [leaf for leaf in _leaves(operands) if isinstance(leaf, Node)]
    values = [(leaf, leaf.meta.get("val")) for leaf in dict.fromkeys(found)]
    return [leaf for leaf, v in values if isinstance(v, torch.Tensor) and v.dtype in _UNSIGNED and v.dtype != kind]


def _leaves(operands: Argument) -> list[Argument]:
    found: list[Argument] = []
    map_aggregate(operands, found.append)
    return found


def cast(place: Node, operand: Node, kind: torch.dtype) -> Node:
    """A cast at the graph's insertion point, for the op `place`."""
    made = place.graph.call_function(torch.ops.prims.convert_element_type.default, (operand, kind))
    made.meta = {key: place.meta[key] for key in _PLACE if key in place.meta}
    made.meta["val"] = operand.meta["val"].to(kind)
    return made
