"""The ops of a model in its own words, and how the IR refers to them.

Each op has a key, which is the location of all that it is lowered to (rt3d_mlir.passes.framework.provenance reads it
back): the name of a node of torch.export's graph, `3:Conv:conv2` of an ONNX node, or one that is given here to an op of
a `.mlir`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import iree.compiler.ir as ir
import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch_mlir.extras.fx_decomp_util import get_decomposition_table

from rt3d_mlir.frontend.crop import crop_and_pad
from rt3d_mlir.frontend.norms import (
    batch_norm_of_one,
    group_norm,
    instance_norm,
    native_group_norm,
    native_layer_norm,
    std,
    var,
    var_mean,
)
from rt3d_mlir.frontend.picks import pad, repeated
from rt3d_mlir.frontend.promotion import write_casts
from rt3d_mlir.frontend.rms_norm import rms_norm
from rt3d_mlir.frontend.transposed_conv import transposed_conv
from rt3d_mlir.frontend.unsigned import widen_unsigned
from rt3d_mlir.passes.framework.provenance import keys, tensor_ops

#: What holds numbers or memory for other ops, and is nothing that a model consists of.
NO_OPS = ("arith.constant", "tensor.empty", "linalg.fill")


@dataclass(frozen=True)
class ModelOp:
    """An op's unique name in the model ("layer1.0.conv1") and its kind ("conv3d", "Conv", "linalg.matmul")."""

    name: str
    kind: str


def torch_ops(program: ExportedProgram) -> dict[str, ModelOp]:
    """The ops of a program by key, in order. An op that is all that its module does is called like the module."""
    nodes = [node for node in program.graph.nodes if node.op == "call_function" and _computes(node)]
    modules = {node.name: _module(node) for node in nodes}
    counts = Counter(modules.values())
    inner = {prefix for path, _ in counts for prefix in _prefixes(path)}
    names = []
    for node in nodes:
        path, _ = module = modules[node.name]
        whole = path and counts[module] == 1 and path not in inner
        names.append(path if whole else ".".join(part for part in (path, node.name) if part))
    kinds = [getattr(node.target, "overloadpacket", node.target).__name__ for node in nodes]
    return _named(zip((node.name for node in nodes), names, kinds, strict=True))


def with_locations(program: ExportedProgram) -> ExportedProgram:
    """The program in the ops that torch-mlir knows, each of which will be located at the op of `program` it is of."""
    known = {node.name for node in program.graph.nodes}
    own = {
        torch.ops.aten.convolution.default: transposed_conv,
        torch.ops.aten.constant_pad_nd.default: crop_and_pad,
        torch.ops.aten.rms_norm.default: rms_norm,
        torch.ops.aten.instance_norm.default: instance_norm,
        torch.ops.aten.group_norm.default: group_norm,
        torch.ops.aten.native_group_norm.default: native_group_norm,
        torch.ops.aten.native_layer_norm.default: native_layer_norm,
        torch.ops.aten._native_batch_norm_legit.no_stats: batch_norm_of_one,
        torch.ops.aten.var.correction: var,
        torch.ops.aten.std.correction: std,
        torch.ops.aten.var_mean.correction: var_mean,
        torch.ops.aten.pad.default: pad,
        torch.ops.aten.repeat_interleave.self_int: repeated,
    }
    table = {**get_decomposition_table(), **own}
    lowered = program.run_decompositions(table)
    write_casts(lowered.graph_module)
    widen_unsigned(lowered.graph_module)
    for node in lowered.graph.nodes:
        key = next((source.name for source in node.meta.get("from_node", ()) if source.name in known), node.name)
        _locate(lowered.graph_module, node, key)
    return lowered


def onnx_ops(nodes: Iterable[tuple[str, str, str]]) -> dict[str, ModelOp]:
    """From (key, name, operator) of each node; one without a name is called like its operator."""
    return _named((key, name or operator, operator) for key, name, operator in nodes)


def mlir_ops(module: ir.Module) -> dict[str, ModelOp]:
    """The ops of a module by key. Its own name locations are kept; an op without one is located at its name here."""
    found: dict[str, str] = {}
    for op in tensor_ops(module):
        if op.name in NO_OPS:
            continue
        if not isinstance(op.operation.location, ir.NameLoc):
            number = sum(kind == op.name for kind in found.values())
            op.operation.location = ir.Location.name(f"{op.name}.{number}")
        for key in keys(op):
            found.setdefault(key, op.name)
    return _named((key, key, kind) for key, kind in found.items())


def _computes(node: Node) -> bool:
    """Whether a call is an op: it picks no result of another, and asserts nothing."""
    return node.target.__module__ != "_operator" and not getattr(node.target, "__name__", "").startswith("_assert")


def _module(node: Node) -> tuple[str, str]:
    """The path of the module that calls an op, and which of its calls that is."""
    stack = list(node.meta.get("nn_module_stack", {"": ("", "")}).items())
    call, (path, _) = stack[-1]
    return path, call


def _prefixes(path: str) -> list[str]:
    """ "", "a" and "a.b" of "a.b.c"."""
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(len(parts))]


def _locate(graph: GraphModule, node: Node, key: str) -> None:
    """Makes `key` the location that torch-mlir's importer gives a node and what it calls; it reads stack traces."""
    node.meta["stack_trace"] = f'File "{key}", line 1, in forward'
    for argument in node.all_input_nodes:
        called = getattr(graph, str(argument.target), None) if argument.op == "get_attr" else None
        if isinstance(called, GraphModule):
            for inner in called.graph.nodes:
                _locate(called, inner, key)


def _named(items: Iterable[tuple[str, str, str]]) -> dict[str, ModelOp]:
    """From (key, name, kind); where names repeat, `act`, `act.1`, ..."""
    ops: dict[str, ModelOp] = {}
    taken: set[str] = set()
    for key, name, kind in items:
        unique, n = name, 1
        while unique in taken:
            unique, n = f"{name}.{n}", n + 1
        taken.add(unique)
        ops[key] = ModelOp(unique, kind)
    return ops
