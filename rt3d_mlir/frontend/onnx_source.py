"""ONNX models, by torch-mlir's importer: ONNX to the torch dialect, then the way of all PyTorch models.

IREE ships the same importer, but lowers further, to its own dialects; torch-mlir stops at the floor 1 that our passes
know, and our lowering of grouped convs applies.
"""

import importlib.util
import re
import tempfile
from collections.abc import Sequence
from math import prod
from pathlib import Path

import iree.compiler.ir as ir
import numpy as np
import onnx
from onnx import numpy_helper
from torch_mlir import ir as torch_ir
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.extras import onnx_importer
from torch_mlir.passmanager import PassManager

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.model_ops import onnx_ops
from rt3d_mlir.frontend.onnx_model import OnnxModel, filled, read_onnx
from rt3d_mlir.frontend.reference import run_floor1
from rt3d_mlir.frontend.source import Floor1, Parameters
from rt3d_mlir.frontend.torch_import import first_words, lower_to_linalg, quiet
from rt3d_mlir.mlir_io import parse_text, without_numbers
from rt3d_mlir.weights import INLINE_ELEMENTS

_TO_TORCH = (
    "builtin.module(torch-onnx-to-torch-backend-pipeline{backend-legal-ops=aten.flatten.using_ints,aten.unflatten.int})"
)
#: torch-mlir, of a node named as `_import` names it: `loc("3:Det:d"): error: ...`, or `error: "3:Det:d": ...`.
_COMPLAINT = re.compile(r'(?:loc\(|error: )"\d+:(\w+):([^"]*)"\)?: (?:error: )?(.*)')


class OnnxSource:
    """An ONNX model whose inputs are float32 and of fixed shapes.

    Its reference is onnxruntime, which shares no code with us. Without it, it is the imported module compiled by IREE
    alone, which shows errors of our passes but not of the import; `notes` then says so.
    """

    def __init__(self, model: OnnxModel, name: str) -> None:
        self.name = name
        self.input_shapes = list(model.inputs.values())
        self.notes = [
            f"{name}: the size of {symbol} is open; it is taken as {size}" for symbol, size in model.assumed.items()
        ]
        if not _has_onnxruntime():
            self.notes.append(
                f"{name}: onnxruntime is not installed, so the golden output is the imported model's as IREE compiles "
                "it, which cannot show an error of the import: pip install 'rt3d-mlir[onnx]'"
            )
        self.readers = {"onnx": onnx.__version__}
        self._model = model

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return dict(self._model.arrays)

    def lower(self, parameters: Parameters) -> Floor1:
        text = _import(self._model, parameters, self.name)
        with ir.Context(), ir.Location.unknown():
            module, table = parse_text(text, "torch-mlir's output")
            weights = {key: table[key] for key in table}
            numbers = {**weights, **parameters}
            ops = onnx_ops((_key(i, node), node.name, node.op_type) for i, node in enumerate(self._model.nodes))
            return Floor1(without_numbers(module, locations=True), numbers, list(self._model.inputs), ops)

    def reference(self, parameters: Parameters, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        if not _has_onnxruntime():
            return run_floor1(self.lower(parameters).parse, inputs)
        return _run_onnxruntime(self._model, parameters, inputs, self.name)

    def macs(self) -> dict[str, int]:
        return self._model.macs()


def open_onnx(path: Path, input_shape: Sequence[int] | None = None) -> OnnxSource:
    """The model in an `.onnx` file; see :func:`rt3d_mlir.frontend.onnx_model.read_onnx` for shapes and errors."""
    return OnnxSource(read_onnx(path, input_shape), path.name)


def _has_onnxruntime() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None


def _import(model: OnnxModel, parameters: Parameters, name: str) -> str:
    """Floor 1 as text. Raises ModelError, naming the operator, where torch-mlir cannot lower it."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.graph_model)
    proto.graph.name = "main"
    for number, node in enumerate(proto.graph.node):
        node.name = _key(number, node)
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
                PassManager.parse(_TO_TORCH).run(module.operation)
                lower_to_linalg(module)
                return module.operation.get_asm(
                    enable_debug_info=True, large_resource_limit=0, large_elements_limit=None
                )
        except Exception as error:  # torch-mlir raises anything
            raise ModelError(f"{name}: torch-mlir cannot lower {_complaint(error, log)}") from error


def _key(number: int, node: onnx.NodeProto) -> str:
    """What the importer makes the location of a node, and the key of its op."""
    return f"{number}:{node.op_type}:{node.name}"


def _complaint(error: BaseException, log: Path) -> str:
    """`the operator Det (node 'det_1'): failed to legalize ...`, from what torch-mlir said."""
    said = log.read_text(errors="replace")
    found = _COMPLAINT.search(f"{error}\n{said}")
    if found is None:
        return f"this model: {first_words(error, said)}"
    operator, node, words = found.groups()
    place = f" (node '{node}')" if node else ""
    return f"the operator {operator}{place}: {words[:200].split(': %')[0]}"


def _add_handles(importer: onnx_importer.NodeImporter, graph: onnx_importer.GraphInfo, parameters: Parameters) -> None:
    """Imports parameters as literals of the torch dialect: the name of an onnx.Constant would be lost.

    Arrays of a few numbers along one axis are left to the importer: what a Resize reads has to be in the IR.
    """
    numbers = importer._cc
    for name, tensor in list(graph.initializer_map.items()):
        if name not in parameters or (len(tensor.dims) < 2 and prod(tensor.dims) <= INLINE_ELEMENTS):
            continue
        array = np.ascontiguousarray(parameters[name])
        with torch_ir.InsertionPoint(importer._b), torch_ir.Location.name(name):
            kind, result = numbers.tensor_proto_to_builtin_type(tensor), numbers.tensor_proto_to_type(tensor)
            value = {"value": torch_ir.DenseResourceElementsAttr.get_from_buffer(array, name, kind)}
            literal = torch_ir.Operation.create("torch.vtensor.literal", [result], attributes=value)
        importer._nv_map[name] = literal.result
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


def _run_onnxruntime(
    model: OnnxModel, parameters: Parameters, inputs: Sequence[np.ndarray], name: str
) -> list[np.ndarray]:
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "model.onnx"))
        onnx.save_model(filled(model, dict(parameters)), path, save_as_external_data=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            outputs = session.run(None, dict(zip(model.inputs, inputs, strict=True)))
            return [np.asarray(output) for output in outputs]
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"{name}: onnxruntime, the reference, cannot run it: {first_words(error)}") from error
