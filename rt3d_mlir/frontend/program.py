"""torch.export programs in the form that is lowered: float32 inside, tensors in and out, nothing written but results.

A compiled module is a function of its inputs. What PyTorch lets a model do besides is mended here where that changes no
answer, and refused where it would.
"""

import contextlib
import copy
import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, ExportGraphSignature, InputKind, OutputKind
from torch.fx import GraphModule, Node
from torch.fx.node import map_aggregate

from rt3d_mlir.errors import ModelError

#: Element types that a net is not computed in: float32 is used in their place.
UNUSUAL = (torch.float16, torch.bfloat16, torch.float64)
#: What a batch norm in training mode writes.
_STATISTICS = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked)$")


def export_program(model: torch.nn.Module, args: tuple[object, ...]) -> ExportedProgram:
    """torch.export of the model in eval mode. Raises ModelError with torch's first words where it cannot."""
    model.eval()
    try:
        with _calm():
            return torch.export.export(model, args, strict=False)
    except Exception as error:  # torch raises anything here; what it says is all there is
        raise ModelError(f"torch.export cannot take this model: {first_words(error)}") from error


def as_module(program: ExportedProgram) -> torch.nn.Module:
    """A program as a module to call, with its parameters and buffers."""
    with _calm():
        return program.module()


@contextlib.contextmanager
def _calm() -> Iterator[None]:
    """Without torch's own deprecation notes, which are not the user's business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def first_words(error: BaseException, log: str = "") -> str:
    """The line of an error text that names the problem: torch-mlir's `error:` line, else the first."""
    lines = [line.strip() for line in f"{error}\n{log}".splitlines() if line.strip()]
    named = [line for line in lines if re.search(r"\berror:", line)]
    return (named or lines or [type(error).__name__])[0][:300]


def in_float32(program: ExportedProgram) -> ExportedProgram:
    """The program with float32 in place of those of the UNUSUAL types that its parameters and inputs have.

    All that names such a type changes with them. A program without is given back as it is; none is changed in place.
    """
    inputs = [node.meta["val"] for node in tensor_inputs(program)]
    found = {value.dtype for value in (*program.parameters(), *inputs)} & {*UNUSUAL}
    if not found:
        return program
    with _calm():
        graph_module = copy.deepcopy(program.graph_module)
    for old, new in zip(program.graph.nodes, graph_module.graph.nodes, strict=True):
        new.name = old.name  # a copy calls `input`, which is a name of Python's own, `input_1`; the signature does not
    for module in graph_module.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            node.args = map_aggregate(node.args, lambda leaf: _wider(leaf, found))
            node.kwargs = map_aggregate(node.kwargs, lambda leaf: _wider(leaf, found))
            if node.op == "placeholder":
                node.meta["val"] = _wider(node.meta["val"], found)
    graph_module.recompile()
    tensors = [
        {key: _wider(value, found) for key, value in state.items()} for state in (program.state_dict, program.constants)
    ]
    with _calm():
        wider = program._update(graph_module, program.graph_signature, state_dict=tensors[0], constants=tensors[1])
    wider._guards_code = []  # they ask for the types that there were
    return wider


def tensors_only(program: ExportedProgram) -> ExportedProgram:
    """A program in torch-mlir's ops whose results are tensors: what is None or a number is known, and is left out.

    Inputs that are no tensors are left out, too, and what the model writes to its inputs is not done: a module's caller
    keeps them. Raises ModelError for a program that writes to its buffers. In place.
    """
    signature, graph = program.graph_signature, program.graph_module.graph
    kept = []
    (results,) = next(node for node in graph.nodes if node.op == "output").args
    for spec, value in zip(signature.output_specs, results, strict=True):
        if spec.kind is OutputKind.BUFFER_MUTATION:
            raise ModelError(_written(str(spec.target)))
        if spec.kind is OutputKind.USER_OUTPUT and isinstance(value, Node):
            kept.append((spec, value))
    next(node for node in graph.nodes if node.op == "output").args = (tuple(value for _, value in kept),)
    given = [spec for spec in signature.input_specs if not isinstance(spec.arg, ConstantArgument)]
    for node, spec in zip(list(graph.find_nodes(op="placeholder")), signature.input_specs, strict=True):
        if isinstance(spec.arg, ConstantArgument):
            graph.erase_node(node)
    program._graph_signature = ExportGraphSignature(given, [spec for spec, _ in kept])
    program.graph_module.recompile()
    return program


def tensor_inputs(program: ExportedProgram) -> list[Node]:
    """The inputs that are tensors. Parts of a list or a dict are called like it, with their number or key behind."""
    specs = program.graph_signature.input_specs
    nodes = program.graph.find_nodes(op="placeholder")
    return [
        node
        for node, spec in zip(nodes, specs, strict=True)
        if spec.kind is InputKind.USER_INPUT and isinstance(node.meta["val"], torch.Tensor)
    ]


def output_types(program: ExportedProgram) -> list[torch.dtype]:
    """The types of the results that are tensors."""
    (results,) = next(node for node in program.graph.nodes if node.op == "output").args
    written = len(program.graph_signature.output_specs) - len(program.graph_signature.user_outputs)
    return [value.meta["val"].dtype for value in results[written:] if isinstance(value, Node)]


def _wider(leaf: Any, types: set[torch.dtype]) -> Any:
    """float32 for one of the types, and a tensor of float32 for a tensor of one; all else as it is."""
    if isinstance(leaf, torch.dtype):
        return torch.float32 if leaf in types else leaf
    if not isinstance(leaf, torch.Tensor) or leaf.dtype not in types:
        return leaf
    wider = leaf.detach().to(torch.float32)
    return torch.nn.Parameter(wider, leaf.requires_grad) if isinstance(leaf, torch.nn.Parameter) else wider


def _written(buffer: str) -> str:
    if _STATISTICS.search(buffer):
        return f"its batch norm writes '{buffer}': it is in training mode; call model.eval() before torch.export.export"
    return (
        f"forward writes to the buffer '{buffer}', and a compiled module keeps nothing between calls: take the old "
        "value as an input and return the new one"
    )
