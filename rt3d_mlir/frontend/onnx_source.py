"""ONNX models as the compiler takes them: floor 1 by torch-mlir, and onnxruntime's answers to check it against."""

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path

import iree.compiler.ir as ir
import numpy as np
import onnx

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.boundary import cast_boundary
from rt3d_mlir.frontend.empty_parts import drop_empty_parts
from rt3d_mlir.frontend.model_ops import onnx_ops
from rt3d_mlir.frontend.onnx_import import LoweringError, failing_nodes, to_linalg
from rt3d_mlir.frontend.onnx_model import OnnxModel, filled, read_onnx
from rt3d_mlir.frontend.onnx_rewrites.graph import described, opset_of
from rt3d_mlir.frontend.onnx_rewrites.lowerable import lowerable
from rt3d_mlir.frontend.onnx_rewrites.opset import is_function
from rt3d_mlir.frontend.program import first_words
from rt3d_mlir.frontend.reference import run_floor1
from rt3d_mlir.frontend.scalars import round_scalars
from rt3d_mlir.frontend.source import Floor1, Parameters, draw
from rt3d_mlir.ir_io.mlir_io import parse_text, without_numbers


class OnnxSource:
    """An ONNX model whose inputs are of fixed shapes. It computes in float32, and takes and gives what the file says.

    Its reference is onnxruntime, which shares no code with us. Without it, it is the imported module compiled by IREE
    alone, which shows errors of our passes but not of the import; `notes` then says so.
    """

    def __init__(self, model: OnnxModel, name: str) -> None:
        self.name = name
        self.inputs = list(model.inputs.values())
        self.notes = [
            f"{name}: the size of {symbol} is open; it is taken as {size}" for symbol, size in model.assumed.items()
        ]
        if not _has_onnxruntime():
            self.notes.append(
                f"{name}: onnxruntime is not installed, so the golden output is the imported model's as IREE compiles "
                "it, which cannot show an error of the import: pip install 'rt3d-mlir[onnx]'"
            )
        if model.other_floats:
            names = ", ".join(sorted(model.other_floats))
            self.notes.append(f"{name}: what is {names} in it is computed as float32")
        self.readers = {"onnx": onnx.__version__}
        self._model = model
        self._functions: set[str] = set()

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return dict(self._model.arrays)

    @property
    def transposed(self) -> frozenset[str]:
        weights = (node.input[1] for node in self._model.nodes if node.op_type == "ConvTranspose")
        return frozenset(name for name in weights if name in self._model.arrays)

    def lower(self, parameters: Parameters) -> Floor1:
        text = self._to_linalg(parameters)
        with ir.Context(), ir.Location.unknown():
            module, table = parse_text(text, "torch-mlir's output")
            round_scalars(module)
            drop_empty_parts(module)
            self._check_outputs(module)
            cast_boundary(module, [each.dtype for each in self.inputs], self._model.output_types)
            weights = {key: table[key] for key in table}
            numbers = {**weights, **parameters}
            ops = onnx_ops((_key(i, node), node.name, node.op_type) for i, node in enumerate(self._model.nodes))
            return Floor1(without_numbers(module, locations=True), numbers, list(self._model.inputs), ops)

    def _to_linalg(self, parameters: Parameters) -> str:
        """Floor 1 as text. Functions of ONNX that torch-mlir does not lower are replaced by what they consist of.

        Raises ModelError, naming the operator, where that does not help.
        """
        while True:
            try:
                graph = lowerable(_keyed(self._model), self._model.arrays, self._functions)
            except (onnx.shape_inference.InferenceError, RuntimeError, ModelError) as error:
                raise ModelError(f"{self.name}: {first_words(error)}") from None
            try:
                return to_linalg(graph, parameters)
            except LoweringError as error:
                failing = list(failing_nodes(graph, parameters))
                stuck = [(node, words) for node, words in failing if not is_function(node, opset_of(graph))]
                if stuck or not failing:
                    said = f"{described(stuck[0][0])}: {stuck[0][1]}" if stuck else f"this model: {error.words}"
                    raise ModelError(f"{self.name}: torch-mlir cannot lower {said}") from error
                self._functions |= {node.op_type for node, _ in failing}

    def _check_outputs(self, module: ir.Module) -> None:
        """Raises ModelError for an output whose size the numbers of an input decide."""
        main = next(op for op in module.body.operations if op.operation.name == "func.func")
        kinds = ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value).results
        for value, kind in zip(self._model.graph_model.graph.output, kinds, strict=True):
            if not ir.RankedTensorType(kind).has_static_shape:
                raise ModelError(
                    f"{self.name}: the shape of output '{value.name}' depends on the numbers of an input; expected "
                    "fixed shapes: make that input a constant"
                )

    def draw_inputs(self, rng: np.random.Generator, positive: bool = False) -> list[np.ndarray]:
        """Whole numbers that pick from another value are below its size."""
        limits = self._model.index_limits()
        drawn = {name: draw(each.shape, each.dtype, rng, positive) for name, each in self._model.inputs.items()}
        return [array % limits[name] if name in limits else array for name, array in drawn.items()]

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


def _keyed(model: OnnxModel) -> onnx.ModelProto:
    """The graph with each node named by the key of its op."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.graph_model)
    for number, node in enumerate(proto.graph.node):
        node.name = _key(number, node)
    return proto


def _key(number: int, node: onnx.NodeProto) -> str:
    """What the importer makes the location of a node, and the key of its op."""
    return f"{number}:{node.op_type}:{node.name}"


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
            kinds = [
                onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type)
                for v in model.graph_model.graph.input
            ]
            given = [np.asarray(array, kind) for array, kind in zip(inputs, kinds, strict=True)]
            outputs = session.run(None, dict(zip(model.inputs, given, strict=True)))
            return [np.asarray(y, kind) for y, kind in zip(outputs, model.output_types, strict=True)]
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"{name}: onnxruntime, the reference, cannot run it: {first_words(error)}") from error
