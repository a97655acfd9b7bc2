"""uint8 as int32 inside: torch-mlir takes it for signed in most ops, and some of them end the process.

    y = x + 3           # uint8              y = (int32(x) + 3) & 255

Numbers are 0 to 255 either way. An input that is cast to another type at once is cast from uint8, which torch-mlir
lowers rightly.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.fx.node import map_aggregate

from rt3d_mlir.frontend.promotion import cast

_ATEN = torch.ops.aten
_CASTS = (torch.ops.prims.convert_element_type, _ATEN._to_copy)
#: Whose results are numbers of their operands, or no larger; all others' are wrapped.
_KEEPING = (
    *(_ATEN.view, _ATEN._unsafe_view, _ATEN.permute, _ATEN.transpose, _ATEN.expand, _ATEN.unsqueeze, _ATEN.squeeze),
    *(_ATEN.slice, _ATEN.select, _ATEN.index, _ATEN.index_select, _ATEN.gather, _ATEN.cat, _ATEN.stack, _ATEN.split),
    *(_ATEN.split_with_sizes, _ATEN.flip, _ATEN.roll, _ATEN.clone, _ATEN.alias, _ATEN.repeat, _ATEN.where),
    *(_ATEN.amax, _ATEN.amin, _ATEN.max, _ATEN.min, _ATEN.maximum, _ATEN.minimum, _ATEN.relu, _ATEN.abs),
    *(_ATEN.bitwise_and, _ATEN.bitwise_or, _ATEN.bitwise_xor, _ATEN.constant_pad_nd, _ATEN.sort, _ATEN.topk),
)


def widen_unsigned(graph_module: GraphModule) -> None:
    """Replaces all uint8 that the graph computes with by int32, in place. Inputs and constants stay what they are."""
    graph = graph_module.graph
    for node in graph.find_nodes(op="call_function", target=_ATEN._assert_tensor_metadata.default):
        graph.erase_node(node)
    for node in list(graph.nodes):
        if not any(tensor.dtype is torch.uint8 for tensor in _tensors(node)):
            continue
        if node.op != "call_function":
            _widen_given(node)
            continue
        node.args = map_aggregate(node.args, _wider)
        node.kwargs = map_aggregate(node.kwargs, _wider)
        node.meta["val"] = map_aggregate(node.meta["val"], _wider)
        node.meta.pop("tensor_meta", None)  # torch-mlir asks it first
        if isinstance(node.meta["val"], torch.Tensor) and _may_leave(node):
            _wrap(node)
    graph_module.recompile()


def _tensors(node: Node) -> Iterator[torch.Tensor]:
    value = node.meta.get("val")
    for part in value if isinstance(value, list | tuple) else [value]:
        if isinstance(part, torch.Tensor):
            yield part


def _widen_given(node: Node) -> None:
    """Casts an input or a constant to int32 for all that compute with it."""
    users = [user for user in node.users if user.op != "output" and _packet(user) not in _CASTS]
    if not users:
        return
    place = node
    while place.op in ("placeholder", "get_attr"):
        place = place.next
    with node.graph.inserting_before(place):
        wider = cast(users[0], node, torch.int32)
    for user in users:
        user.replace_input_with(node, wider)


def _packet(node: Node) -> object:
    return getattr(node.target, "overloadpacket", None)


def _may_leave(node: Node) -> bool:
    """Whether an int32 that stands for a uint8 may be beyond 0 to 255."""
    source = node.args[0] if node.args else None
    if _packet(node) in _CASTS and isinstance(source, Node):
        return source.meta["val"].dtype not in (torch.uint8, torch.bool)
    return _packet(node) not in _KEEPING and node.target.__module__ != "_operator"


def _wrap(node: Node) -> None:
    """Puts `& 255` behind a node."""
    users = list(node.users)
    with node.graph.inserting_after(node):
        wrapped = node.graph.call_function(_ATEN.bitwise_and.Scalar, (node, 255))
    wrapped.meta = dict(node.meta)
    for user in users:
        user.replace_input_with(node, wrapped)


def _wider(leaf: Any) -> Any:
    """int32 for uint8, and a tensor of it for a tensor of that; all else as it is."""
    if isinstance(leaf, torch.Tensor):
        return leaf.to(torch.int32) if leaf.dtype is torch.uint8 else leaf
    return torch.int32 if leaf is torch.uint8 else leaf
