"""onnx's own test data as nets for us: its models of float32 and fixed shapes, many of them in one module.

Each case is taken as shipped, and once more with all inputs but the first as initializers, which are weights for us.
Left out are those in which onnx has replaced an operator by its function, as we do where torch-mlir lacks it.
"""

import functools
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import onnx
import onnx.compose
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

import rt3d_mlir
from rt3d_mlir.compile import artifact_writer
from rt3d_mlir.compile.exported import export_source
from rt3d_mlir.errors import ModelError, Rt3dError, WeightError
from rt3d_mlir.frontend.onnx_model import read_onnx
from rt3d_mlir.frontend.onnx_source import OnnxSource

KINDS = ("node", "pytorch-converted", "pytorch-operator")
#: Cases in one module: a compile takes seconds, however small its model.
BATCH = 60


@dataclass(frozen=True)
class Case:
    """A model with the data's inputs and outputs, and the tolerance that the data asks for."""

    name: str
    model: onnx.ModelProto
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    rtol: float


@dataclass
class Verdicts:
    """What became of cases by name: right, wrong, refused as torch-mlir cannot lower them, failed in another way."""

    right: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class _Given(OnnxSource):
    """A model whose golden pair is the data's."""

    def __init__(self, path: Path, cases: Sequence[Case]) -> None:
        super().__init__(read_onnx(path), path.name)
        self._cases = cases

    def draw_inputs(self, rng: np.random.Generator, positive: bool = False) -> list[np.ndarray]:
        return [array for case in self._cases for array in case.inputs]

    def reference(self, parameters: object, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [array for case in self._cases for array in case.outputs]


@functools.cache
def cases() -> list[Case]:
    """All that fit, in order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnx computes some of its data as it is loaded, infinities among them
        found = [case for kind in KINDS for test in load_model_tests(kind=kind) for case in _forms(kind, test)]
    return sorted({case.name: case for case in found}.values(), key=lambda case: case.name)


def judge(chosen: Sequence[Case]) -> Verdicts:
    """Compiles the cases for this machine, those of one opset in a module, and compares with the data's outputs."""
    verdicts = Verdicts()
    lowered: dict[int, list[Case]] = {}
    for case in chosen:
        try:
            _lower(case)
        except (ModelError, WeightError) as error:
            verdicts.refused[case.name] = str(error)
        except Exception:
            verdicts.failed[case.name] = traceback.format_exc(limit=-3)
        else:
            lowered.setdefault(_opset(case.model), []).append(case)
    for same in lowered.values():
        for start in range(0, len(same), BATCH):
            _compare(same[start : start + BATCH], verdicts)
    return verdicts


def _forms(kind: str, test: TestCase) -> Iterator[Case]:
    model = test.model if test.model is not None else onnx.load(Path(str(test.model_dir), "model.onnx"))
    constants = {tensor.name for tensor in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in constants]
    ours = all(node.domain in ("", "ai.onnx") for node in model.graph.node)
    expanded = "_expanded" in test.name
    if expanded or not (ours and values and all(map(_is_fixed, [*values, *model.graph.output]))):
        return
    if not all(map(_is_float, model.graph.output)):
        return
    inputs, outputs = _arrays(test)
    name = f"{kind}/{test.name.removeprefix('test_')}"
    if all(map(_is_float, values)):
        yield Case(name, model, [array for array in inputs if array is not None], outputs, test.rtol)
    if _is_float(values[0]) and len(values) > 1:
        weights = {value.name: array for value, array in zip(values[1:], inputs[1:], strict=True) if array is not None}
        yield Case(f"{name}, weights", _with_weights(model, weights), [inputs[0]], outputs, test.rtol)


def _arrays(test: TestCase) -> tuple[list[np.ndarray | None], list[np.ndarray]]:
    """The data's first inputs, None where one is left out, and outputs."""
    if test.data_sets is not None:
        inputs, outputs = test.data_sets[0]
        return [None if array is None else np.asarray(array) for array in inputs], [np.asarray(y) for y in outputs]
    folder = Path(str(test.model_dir))
    arrays: dict[str, list] = {
        kind: [_array(folder / "test_data_set_0" / f"{kind}_{i}.pb") for i in range(_count(folder, kind))]
        for kind in ("input", "output")
    }
    return arrays["input"], arrays["output"]


def _count(folder: Path, kind: str) -> int:
    return len(list((folder / "test_data_set_0").glob(f"{kind}_*.pb")))


def _array(path: Path) -> np.ndarray:
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def _is_fixed(value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.WhichOneof("value") == "tensor_type"
    return tensor and all(dim.HasField("dim_value") for dim in value.type.tensor_type.shape.dim)


def _is_float(value: onnx.ValueInfoProto) -> bool:
    return value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def _with_weights(model: onnx.ModelProto, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The model with these inputs as initializers; before version 4 of the format they stay inputs too."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    changed.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in weights.items())
    if changed.ir_version >= 4:
        kept = [value for value in model.graph.input if value.name == model.graph.input[0].name]
        kept += [value for value in model.graph.input if value.name in {t.name for t in model.graph.initializer}]
        del changed.graph.input[:]
        changed.graph.input.extend(kept)
    return changed


def _opset(model: onnx.ModelProto) -> int:
    return next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def _lower(case: Case) -> None:
    """The import alone, and where each op goes."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        onnx.save_model(case.model, path)
        export_source(_Given(path, [case])).explain()


def _compare(batch: Sequence[Case], verdicts: Verdicts) -> None:
    """One module of all, which is cut in half where it does not compile."""
    try:
        answers = _answers(batch)
    except Exception as error:
        if len(batch) == 1:
            said = str(error) if isinstance(error, Rt3dError) else traceback.format_exc(limit=-3)
            verdicts.failed[batch[0].name] = said
            return
        middle = len(batch) // 2
        _compare(batch[:middle], verdicts)
        _compare(batch[middle:], verdicts)
        return
    for case in batch:
        said = [_difference(next(answers), expected, case.rtol) for expected in case.outputs]
        if any(said):
            verdicts.wrong[case.name] = "; ".join(filter(None, said))
        else:
            verdicts.right.append(case.name)


def _answers(batch: Sequence[Case]) -> Iterator[np.ndarray]:
    """Compiled as a user would, but that the data has a tolerance of its own."""
    with TemporaryDirectory() as folder, mock.patch.object(artifact_writer, "golden_limit", return_value=np.inf):
        path = Path(folder, "net.onnx")
        onnx.save_model(_merged(batch) if len(batch) > 1 else batch[0].model, path)
        export_source(_Given(path, batch)).compile(Path(folder, "artifact"))
        answer = rt3d_mlir.load(Path(folder, "artifact"))(*(array for case in batch for array in case.inputs))
    return iter(answer if isinstance(answer, tuple) else (answer,))


def _difference(seen: np.ndarray, expected: np.ndarray, rtol: float) -> str:
    """What is wrong with an answer; nothing if it is right."""
    if (seen.shape, seen.dtype) != (expected.shape, expected.dtype):
        return f"{seen.dtype} of {seen.shape} for {expected.dtype} of {expected.shape}"
    peak = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    if np.allclose(seen, expected, rtol, max(1e-5 * peak, 1e-7), equal_nan=True):
        return ""
    return f"off by {np.nanmax(np.abs(seen - expected)):.3g}, where the largest is {peak:.3g}"


def _merged(batch: Sequence[Case]) -> onnx.ModelProto:
    whole = onnx.GraphProto(name="cases")
    for number, case in enumerate(batch):
        part = onnx.compose.add_prefix(case.model, f"case{number}.").graph
        for name in ("node", "initializer", "input", "output"):
            getattr(whole, name).extend(getattr(part, name))
    first = batch[0].model
    opsets = [entry for entry in first.opset_import if entry.domain in ("", "ai.onnx")]
    return onnx.helper.make_model(whole, opset_imports=opsets, ir_version=max(first.ir_version, 8))
