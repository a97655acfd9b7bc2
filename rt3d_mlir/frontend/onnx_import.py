"""An ONNX graph to linalg on tensors, by torch-mlir's importer: ONNX to the torch dialect, then the way of all PyTorch
models.

IREE ships the same importer, but lowers further, to its own dialects; torch-mlir stops at the floor 1 that our passes
know, and our lowering of grouped convs applies.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from torch_mlir import ir as torch_ir
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.extras import onnx_importer
from torch_mlir.passmanager import PassManager

from rt3d_mlir.frontend.onnx_rewrites.graph import subgraphs, types_of
from rt3d_mlir.frontend.torch_import import first_words, lower_to_linalg, quiet
from rt3d_mlir.ir_io.weights import INLINE_ELEMENTS
from rt3d_mlir.iree import internals

Parameters = Mapping[str, np.ndarray]

_LOCATION = re.compile(r'^(?:loc\()?(?:error: )?"?\d+:\w+:[^"]*"?\)?: (?:error: )?|^error: ')


@dataclass
class LoweringError(Exception):
    """torch-mlir cannot lower a graph; its first words."""

    words: str


def to_linalg(model: onnx.ModelProto, parameters: Parameters) -> str:
    """Floor 1 as text, the function `main`; locations are the names of nodes. Raises LoweringError."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model)
    proto.graph.name = "main"
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch, "stderr")
        try:
            with quiet(scratch, log), torch_ir.Context() as context:
                torch_dialect.register_dialect(context)
                info = onnx_importer.ModelInfo(proto)
                module = info.create_module(context=context)
                numbers = _Inline(context, parameters)
                importer = onnx_importer.NodeImporter.define_function(info.main_graph, module.operation, numbers)
                _add_handles(importer, info.main_graph, parameters)
                importer.import_all()
                module.operation.verify()
                PassManager.parse(internals.ONNX_TO_TORCH).run(module.operation)
                lower_to_linalg(module)
                return module.operation.get_asm(
                    enable_debug_info=True, large_resource_limit=0, large_elements_limit=None
                )
        except Exception as error:  # torch-mlir raises anything
            said = first_words(error, log.read_text(errors="replace"))
            raise LoweringError(_LOCATION.sub("", said).split(": %")[0][:200]) from error


def failing_nodes(model: onnx.ModelProto, parameters: Parameters) -> Iterator[tuple[onnx.NodeProto, str]]:
    """The nodes that torch-mlir cannot lower even by themselves, and what it says of each.

    Equal ones are tried once.
    """
    types = types_of(model.graph)
    tried: set[tuple] = set()
    for node in model.graph.node:
        lone = _lone(node, model, types)
        form = (node.op_type, *(value.type.SerializeToString() for value in lone.graph.input), _attributes(node))
        if form in tried:
            continue
        tried.add(form)
        try:
            to_linalg(lone, parameters)
        except LoweringError as error:
            yield node, error.words


def _attributes(node: onnx.NodeProto) -> tuple[bytes, ...]:
    return tuple(sorted(attribute.SerializeToString() for attribute in node.attribute))


def _lone(node: onnx.NodeProto, model: onnx.ModelProto, types: Mapping[str, onnx.TypeProto]) -> onnx.ModelProto:
    """A model of one node; of the constants that it reads, those whose numbers left the graph are inputs."""
    read = dict.fromkeys(name for name in _reads(node) if name in types)
    graph = onnx.GraphProto(name="lone", node=[node])
    constants = {tensor.name: tensor for tensor in model.graph.initializer if tensor.HasField("raw_data")}
    graph.initializer.extend(constants[name] for name in read if name in constants)
    graph.input.extend(onnx.ValueInfoProto(name=name, type=types[name]) for name in read if name not in constants)
    graph.output.extend(onnx.ValueInfoProto(name=name, type=types[name]) for name in node.output if name in types)
    return onnx.helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads of its graph, in its subgraphs too."""
    yield from (name for name in node.input if name)
    for graph in subgraphs(node):
        for inner in graph.node:
            yield from _reads(inner)


def _add_handles(importer: onnx_importer.NodeImporter, graph: onnx_importer.GraphInfo, parameters: Parameters) -> None:
    """Imports parameters as literals of the torch dialect: the name of an onnx.Constant would be lost.

    Arrays of a few numbers along one axis are left to the importer: what a Resize reads has to be in the IR.
    """
    types, block, values = internals.onnx_importer_parts(importer)
    for name, tensor in list(graph.initializer_map.items()):
        if name not in parameters or (len(tensor.dims) < 2 and prod(tensor.dims) <= INLINE_ELEMENTS):
            continue
        array = np.ascontiguousarray(parameters[name])
        with torch_ir.InsertionPoint(block), torch_ir.Location.name(name):
            kind, result = types.tensor_proto_to_builtin_type(tensor), types.tensor_proto_to_type(tensor)
            value = {"value": torch_ir.DenseResourceElementsAttr.get_from_buffer(array, name, kind)}
            literal = torch_ir.Operation.create("torch.vtensor.literal", [result], attributes=value)
        values[name] = literal.result
        del graph.initializer_map[name]


class _Inline(onnx_importer.ContextCache):
    """Writes all other constants into the IR, where the importer would leave most as handles without numbers."""

    __slots__ = ["_parameters"]

    def __init__(self, context: torch_ir.Context, parameters: Parameters) -> None:
        super().__init__(context)
        self._parameters = parameters

    def tensor_proto_to_attr(self, tp: onnx.TensorProto) -> torch_ir.Attribute:
        array = self._parameters[tp.name] if tp.name in self._parameters else numpy_helper.to_array(tp)
        return super().tensor_proto_to_attr(
            onnx.helper.make_tensor(tp.name, tp.data_type, array.shape, array.reshape(-1))
        )
