"""What is made of ONNX graphs before torch-mlir gets them: onnxruntime answers to both alike, node by node."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.onnx_model import filled, read_onnx
from rt3d_mlir.frontend.onnx_rewrites.lowerable import RULES, lowerable
from rt3d_mlir.frontend.onnx_rewrites.opset import OLDEST
from rt3d_mlir.frontend.onnx_source import open_onnx

RNG = np.random.default_rng(0)


def _array(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape, np.float32)


def _model(
    nodes: Sequence[onnx.NodeProto], arrays: dict[str, np.ndarray], x: Sequence[int], rank: int, opset: int = 20
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    for node in model.graph.node:
        node.name = ""  # they repeat: names say which node of the user's a node is of
    return np.asarray(onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0])


def _rewritten(model: onnx.ModelProto, folder: Path, functions: Sequence[str] = ()) -> onnx.ModelProto:
    """What torch-mlir would get, its parameters filled in again."""
    onnx.save_model(model, folder / "net.onnx")
    read = read_onnx(folder / "net.onnx")
    for number, node in enumerate(read.graph_model.graph.node):
        node.name = f"node {number}"
    graph = lowerable(read.graph_model, read.arrays, functions)
    assert {node.name for node in graph.graph.node} <= {node.name for node in read.graph_model.graph.node}
    return filled(replace(read, graph_model=graph), read.arrays)


def _check(
    operator: str,
    x: Sequence[int],
    folder: Path,
    inputs: dict[str, np.ndarray] | None = None,
    places: Sequence[str] = ("x",),
    rank: int | None = None,
    opset: int = 20,
    functions: Sequence[str] = (),
    **attributes: object,
) -> onnx.ModelProto:
    """One node, as it is and rewritten, on the same numbers."""
    node = helper.make_node(operator, places, ["y"], **attributes)
    model = _model([node], inputs or {}, x, len(x) if rank is None else rank, opset)
    rewritten = _rewritten(model, folder, functions)
    numbers = _array(*x)
    seen, expected = _run(rewritten, numbers), _run(model, numbers)
    assert seen.shape == expected.shape
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5)
    return rewritten


def _operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


# Pools


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pads"),
    [
        ((6,), 3, 2, (0, 0)),  # hangs over
        ((5,), 2, 2, (1, 1)),  # would begin in the padding
        ((6, 7), 3, 2, (1, 1, 1, 1)),
        ((6, 7), 3, 3, (0, 2, 1, 0)),
        ((4, 5, 6), 3, 2, (1, 0, 1, 0, 1, 1)),
        ((5, 6, 7), 2, 3, (1, 1, 0, 1, 1, 1)),
    ],
)
def test_pools_with_ceil_mode(
    operator: str, counted: int, size: Sequence[int], kernel: int, stride: int, pads: Sequence[int], tmp_path: Path
):
    said = {"count_include_pad": counted} if operator == "AveragePool" else {}
    across = {"kernel_shape": [kernel] * len(size), "strides": [stride] * len(size), "pads": pads}
    graph = _check(operator, (1, 2, *size), tmp_path, ceil_mode=1, **across, **said)
    assert all(not _flag(node, "ceil_mode") for node in graph.graph.node)


def _flag(node: onnx.NodeProto, name: str) -> int:
    return sum(attribute.i for attribute in node.attribute if attribute.name == name)


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_pools_that_pad_by_themselves(operator: str, mode: str, tmp_path: Path):
    _check(operator, (1, 2, 6, 9), tmp_path, kernel_shape=[3, 4], strides=[2, 3], auto_pad=mode)


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize("ceil", [0, 1])
def test_pools_with_dilation(operator: str, ceil: int, tmp_path: Path):
    graph = _check(
        operator,
        (1, 2, 8, 9),
        tmp_path,
        kernel_shape=[3, 2],
        strides=[2, 2],
        dilations=[2, 3],
        pads=[1, 0, 1, 1],
        ceil_mode=ceil,
    )
    assert "AveragePool" not in _operators(graph)


def test_a_pool_that_is_plain_stays(tmp_path: Path):
    graph = _check("AveragePool", (1, 2, 8), tmp_path, kernel_shape=[3], strides=[2], pads=[1, 1], count_include_pad=1)
    assert _operators(graph) == ["AveragePool"]


# Resize


@pytest.mark.parametrize("kind", ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("scales", [(2, 2), (0.5, 1.5), (1.3, 0.7), (1, 3)])
def test_resize(kind: str, mode: str, scales: Sequence[float], tmp_path: Path):
    inputs = {"s": np.array([1, 1, *scales], np.float32)}
    graph = _check(
        "Resize",
        (1, 2, 6, 5),
        tmp_path,
        inputs,
        ("x", "", "s"),
        mode=mode,
        coordinate_transformation_mode=kind,
        nearest_mode="floor",
    )
    assert "Resize" not in _operators(graph)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_of_volumes(mode: str, tmp_path: Path):
    inputs = {"s": np.array([1, 2, 6, 10, 3], np.int64)}
    _check("Resize", (1, 2, 3, 5, 6), tmp_path, inputs, ("x", "", "", "s"), mode=mode)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_resize_with_antialias(mode: str, tmp_path: Path):
    inputs = {"s": np.array([1, 1, 0.4, 0.6], np.float32)}
    _check("Resize", (1, 1, 9, 10), tmp_path, inputs, ("x", "", "s"), mode=mode, antialias=1)


def test_crop_and_resize(tmp_path: Path):
    inputs = {"roi": np.array([0, 0, 0.2, -0.1, 1, 1, 0.9, 0.8], np.float32), "s": np.array([1, 1, 4, 5], np.int64)}
    kind = "tf_crop_and_resize"
    places = ("x", "roi", "", "s")
    said = {"mode": "linear", "coordinate_transformation_mode": kind, "extrapolation_value": 7.0}
    _check("Resize", (1, 1, 6, 7), tmp_path, inputs, places, **said)


# GridSample


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize(
    ("mode", "size"),
    [("nearest", (5, 4)), ("linear", (5, 4)), ("cubic", (5, 4)), ("linear", (3, 4, 5)), ("nearest", (3, 4, 1))],
)
def test_grid_sample(mode: str, size: tuple[int, ...], aligned: int, padding: str, tmp_path: Path):
    inputs = {"grid": RNG.uniform(-2.5, 2.5, (2, *(3 for _ in size), len(size))).astype(np.float32)}
    said = {"mode": mode, "padding_mode": padding, "align_corners": aligned}
    graph = _check("GridSample", (2, 3, *size), tmp_path, inputs, ("x", "grid"), **said)
    assert "GridSample" not in _operators(graph)


# Transposed convs


@pytest.mark.parametrize(
    "attributes",
    [
        {"auto_pad": "SAME_UPPER"},
        {"auto_pad": "SAME_LOWER"},
        {"auto_pad": "VALID"},
        {"pads": [1, 0, 0, 1]},
        {"output_shape": [9, 7]},
        {"group": 2},
        {"group": 4, "pads": [0, 1, 1, 1], "output_padding": [1, 0], "dilations": [1, 2]},
    ],
    ids=str,
)
def test_transposed_convs(attributes: dict[str, object], tmp_path: Path):
    inputs = {"w": _array(4, 3, 3, 3), "b": _array(3 * int(attributes.get("group", 1)))}
    graph = _check("ConvTranspose", (1, 4, 4, 3), tmp_path, inputs, ("x", "w", "b"), strides=[2, 2], **attributes)
    assert "ConvTranspose" not in _operators(graph)


@pytest.mark.parametrize(
    ("size", "weight", "attributes"),
    [
        ((5,), (4, 3, 4), {"strides": [2], "pads": [1, 1]}),
        ((2, 3, 4), (4, 4, 2, 2, 2), {"strides": [2, 2, 2]}),
        ((2, 3, 4), (4, 2, 1, 3, 3), {"strides": [1, 2, 3], "group": 2, "output_padding": [0, 1, 2]}),
        ((6, 6), (4, 1, 1, 2), {"strides": [1, 1], "pads": [2, 1, 1, 0], "group": 4}),
        ((3, 4), (4, 3, 2, 2), {"strides": [3, 3]}),
    ],
    ids=str,
)
def test_transposed_convs_of_one_to_three_dimensions(
    size: tuple[int, ...], weight: tuple[int, ...], attributes: dict[str, object], tmp_path: Path
):
    graph = _check("ConvTranspose", (2, 4, *size), tmp_path, {"w": _array(*weight)}, ("x", "w"), **attributes)
    assert "ConvTranspose" not in _operators(graph)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode: str, tmp_path: Path):
    """Of another number of channels than places."""
    graph = _check("DepthToSpace", (2, 12, 3, 4), tmp_path, {}, ("x",), blocksize=2, mode=mode)
    assert "DepthToSpace" not in _operators(graph)


# Recurrent layers


@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_layers_that_run_backwards(operator: str, gates: int, direction: str, tmp_path: Path):
    ways = 2 if direction == "bidirectional" else 1
    inputs = {
        "w": _array(ways, gates * 3, 4),
        "r": _array(ways, gates * 3, 3),
        "b": _array(ways, 2 * gates * 3),
        "h": _array(ways, 2, 3),
    }
    places = ("x", "w", "r", "b", "", "h")
    graph = _check(operator, (5, 2, 4), tmp_path, inputs, places, rank=4, hidden_size=3, direction=direction)
    assert _operators(graph).count(operator) == ways


@pytest.mark.parametrize(
    ("what", "said"), [("peepholes", {}), ("clip", {"clip": 0.5}), ("input_forget", {"input_forget": 1})]
)
def test_what_torch_mlir_takes_no_notice_of(what: str, said: dict[str, object], tmp_path: Path):
    arrays = {"w": _array(1, 12, 4), "r": _array(1, 12, 3), "p": _array(1, 9)}
    places = ["x", "w", "r", "", "", "", "", "p" if what == "peepholes" else ""]
    node = helper.make_node("LSTM", places, ["y"], name="cell", hidden_size=3, **said)
    onnx.save_model(_model([node], arrays, (5, 2, 4), 4), tmp_path / "net.onnx")
    source = open_onnx(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=rf"cannot lower the operator LSTM \(node 'cell'\): with {what}"):
        source.lower(source.parameters)


# Smaller ones


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [([4, 0], [0, 5], [0, 1], [-1, 2]), ([-1], [-100], [1], [-2]), ([100], [1], [-1], [-1])],
)
def test_backward_slices(starts: list[int], ends: list[int], axes: list[int], steps: list[int], tmp_path: Path):
    numbers = {"starts": starts, "ends": ends, "axes": axes, "steps": steps}
    inputs = {name: np.array(values, np.int64) for name, values in numbers.items()}
    _check("Slice", (5, 6), tmp_path, inputs, ("x", *inputs))


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
@pytest.mark.parametrize(("pads", "axes"), [([2, 1, 0, 3], None), ([3, -1], [-1]), ([-1, 0, 1, 2], [1, 0])])
def test_pads_of_the_input_s_own_numbers(mode: str, pads: list[int], axes: list[int] | None, tmp_path: Path):
    inputs = {"p": np.array(pads, np.int64)} | ({} if axes is None else {"axes": np.array(axes, np.int64)})
    places = ("x", "p") if axes is None else ("x", "p", "", "axes")
    graph = _check("Pad", (4, 5), tmp_path, inputs, places, mode=mode)
    assert "Pad" not in _operators(graph)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_a_condition_that_is_constant(axis: int | None, tmp_path: Path):
    inputs = {"c": np.array([False, True, True])}
    said = {} if axis is None else {"axis": axis}
    graph = _check("Compress", (3, 3), tmp_path, inputs, ("x", "c"), rank=1 if axis is None else 2, **said)
    assert "Compress" not in _operators(graph)


@pytest.mark.parametrize(("x", "w", "rank"), [((4,), (2, 4, 3), 2), ((2, 3, 5, 4), (4,), 3)])
def test_a_vector_times_many_matrices(x: tuple[int, ...], w: tuple[int, ...], rank: int, tmp_path: Path):
    _check("MatMul", x, tmp_path, {"w": _array(*w)}, ("x", "w"), rank=rank)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (2, 3, 3), (2, 1, 5, 5)])
def test_determinants(shape: tuple[int, ...], tmp_path: Path):
    _check("Det", shape, tmp_path, rank=len(shape) - 2)


def test_a_determinant_that_is_too_large(tmp_path: Path):
    model = _model([helper.make_node("Det", ["x"], ["y"])], {}, (9, 9), 0)
    with pytest.raises(ModelError, match=r"cannot lower the operator Det.*: of 9x9 matrices; of 6 rows it can"):
        _rewritten(model, tmp_path)


@pytest.mark.parametrize("opset", [17, 22])
@pytest.mark.parametrize("shape", [(2, 6, 3), (2, 6, 3, 2), (1, 6, 3, 2, 4)])
def test_instance_norms(shape: tuple[int, ...], opset: int, tmp_path: Path):
    inputs = {"s": _array(6), "b": _array(6)}
    node = helper.make_node("InstanceNormalization", ["x", "s", "b"], ["y"], epsilon=1e-3)
    model = _model([node], inputs, shape, len(shape), opset)
    graph, x = _rewritten(model, tmp_path), _array(*shape)
    assert "InstanceNormalization" not in _operators(graph)
    np.testing.assert_allclose(_run(graph, x), _run(model, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("time", [0, 1])
def test_sequences_of_several_lengths(time: int, tmp_path: Path):
    inputs = {"lengths": np.array([1, 4, 3], np.int64)}
    shape = (4, 3, 2) if time == 0 else (3, 4, 2)
    graph = _check("ReverseSequence", shape, tmp_path, inputs, ("x", "lengths"), time_axis=time, batch_axis=1 - time)
    assert "ReverseSequence" not in _operators(graph)


@pytest.mark.parametrize("opset", [17, 22])
@pytest.mark.parametrize("p", [1, 2])
def test_vectors_of_length_0(p: int, opset: int, tmp_path: Path):
    node = helper.make_node("LpNormalization", ["x"], ["y"], axis=1, p=p)
    model = _model([node], {}, (2, 3, 4), 3, opset)
    x = _array(2, 3, 4)
    x[0, :, 1] = 0
    np.testing.assert_allclose(_run(_rewritten(model, tmp_path), x), _run(model, x), rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_dropout(training: bool, tmp_path: Path):
    inputs = {"ratio": np.array(0.5, np.float32), "training": np.array(training)}
    node = helper.make_node("Dropout", ["x", *inputs], ["y"], name="drop")
    model = _model([node], inputs, (3, 4), 2)
    if not training:
        assert _operators(_rewritten(model, tmp_path)) == ["Dropout"]
        return
    with pytest.raises(ModelError, match=r"cannot lower the operator Dropout.*: it draws random numbers"):
        _rewritten(model, tmp_path)


@pytest.mark.parametrize("operator", ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"])
def test_random_numbers(operator: str, tmp_path: Path):
    """Refused where somebody reads them."""
    shape = {} if operator.endswith("Like") else {"shape": [3, 4]}
    draw = helper.make_node(operator, ["x"] if operator.endswith("Like") else [], ["z"], **shape)
    unused = _model([draw, helper.make_node("Neg", ["x"], ["y"])], {}, (3, 4), 2)
    assert _operators(_rewritten(unused, tmp_path)) == ["Neg"]
    with pytest.raises(ModelError, match=rf"cannot lower the operator {operator}.*: it draws random numbers"):
        _rewritten(_model([draw, helper.make_node("Add", ["x", "z"], ["y"])], {}, (3, 4), 2), tmp_path)


def test_each_rule_is_tested():
    """By name, in this file."""
    text = Path(__file__).read_text()
    assert all(f'"{operator}"' in text for operator in RULES)


# Functions, opsets, constants


@pytest.mark.parametrize(
    ("operator", "inputs", "attributes"),
    [
        ("GroupNormalization", {"s": (4,), "b": (4,)}, {"num_groups": 2}),
        ("RMSNormalization", {"s": (5,)}, {}),
        ("LayerNormalization", {"s": (5,)}, {}),
        ("Elu", {}, {}),  # an attribute's default
        ("Clip", {}, {}),  # inputs that are left out
        ("MeanVarianceNormalization", {}, {}),
    ],
)
def test_functions_of_onnx(operator: str, inputs: dict[str, tuple[int, ...]], attributes: dict, tmp_path: Path):
    arrays = {name: _array(*shape) for name, shape in inputs.items()}
    places = ("x", *arrays)
    graph = _check(operator, (1, 4, 3, 5), tmp_path, arrays, places, opset=23, functions=[operator], **attributes)
    assert operator not in _operators(graph)


@pytest.mark.parametrize("opset", [7, 9, 11, 14])
def test_older_opsets(opset: int, tmp_path: Path):
    """Among them weights that stay outside of what is converted."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 6),
        helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"]),
        helper.make_node("MaxPool", ["n"], ["p"], kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Softmax", ["f"], ["y"]),
    ]
    arrays = {"w": _array(8, 3, 3, 3, 3), "s": _array(8), "b": _array(8), "m": _array(8), "v": np.abs(_array(8))}
    model = _model(nodes, arrays, (2, 3, 4, 4, 4), 2, opset)
    rewritten = _rewritten(model, tmp_path)
    assert rewritten.opset_import[0].version == OLDEST
    x = _array(2, 3, 4, 4, 4)
    np.testing.assert_allclose(_run(rewritten, x), _run(model, x), rtol=1e-4, atol=1e-5)


def test_slopes_of_an_old_prelu(tmp_path: Path):
    """One a channel, though the last axis is as long."""
    model = _model([helper.make_node("PRelu", ["x", "s"], ["y"])], {"s": _array(3)}, (2, 3, 4, 3), 4, opset=6)
    x, slopes = _array(2, 3, 4, 3), numpy_helper.to_array(model.graph.initializer[0])
    expected = np.where(x < 0, x * slopes[:, None, None], x)
    np.testing.assert_allclose(_run(_rewritten(model, tmp_path), x), expected, rtol=1e-6)


def test_an_opset_that_onnx_cannot_convert(tmp_path: Path):
    """A Dropout that was exported to train with."""
    nodes = [helper.make_node("Dropout", ["x"], ["y"], is_test=0)]
    model = _model(nodes, {}, (1, 2, 3, 4), 4, opset=6)
    onnx.save_model(model, tmp_path / "net.onnx")
    source = open_onnx(tmp_path / "net.onnx")
    with pytest.raises(
        ModelError, match=r"^net\.onnx: onnx cannot convert .* 6 to 17: Attribute is_test .* Export it again"
    ):
        source.lower(source.parameters)


def test_what_depends_on_shapes_alone_is_constant(tmp_path: Path):
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["target"], axis=0),
        helper.make_node("Equal", ["batch", "one"], ["single"]),
        helper.make_node("Reshape", ["x", "target"], ["flat"]),
        helper.make_node("If", ["single"], ["y"], then_branch=_branch("Neg"), else_branch=_branch("Abs")),
        helper.make_node("Abs", ["flat"], ["dead"]),
    ]
    arrays = {name: np.array([value], np.int64) for name, value in (("zero", 0), ("rest", -1), ("one", 1))}
    model = _model(nodes, arrays, (2, 3, 4), 2)
    rewritten = _rewritten(model, tmp_path)
    assert _operators(rewritten) == ["Reshape", "Abs", "Identity"]
    x = _array(2, 3, 4)
    np.testing.assert_array_equal(_run(rewritten, x), np.abs(x.reshape(2, 12)))


def _branch(operator: str) -> onnx.GraphProto:
    output = helper.make_tensor_value_info(f"{operator}.y", TensorProto.FLOAT, [None, None])
    return helper.make_graph([helper.make_node(operator, ["flat"], [f"{operator}.y"])], operator, [], [output])


def test_results_that_are_constant_or_empty(tmp_path: Path):
    """Each keeps its shape."""
    nodes = [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Cast", ["s"], ["y"], to=TensorProto.FLOAT)]
    model = _model(nodes, {}, (2, 3), 1)
    np.testing.assert_array_equal(_run(_rewritten(model, tmp_path), _array(2, 3)), [2, 3])
    slices = {name: np.array([2], np.int64) for name in ("start", "end")}
    graph = _check("Slice", (2, 3), tmp_path, slices, ("x", *slices))
    assert _operators(graph) == []


def test_infinite_constants_are_no_weights(tmp_path: Path):
    mask = np.array([[0, -np.inf], [0, 0]], np.float32)
    model = _model([helper.make_node("Add", ["x", "m"], ["y"])], {"m": mask}, (2, 2), 2)
    onnx.save_model(model, tmp_path / "net.onnx")
    assert read_onnx(tmp_path / "net.onnx").arrays == {}


def test_initializers_that_are_inputs_too(tmp_path: Path):
    """As the format had it before version 4."""
    model = _model([helper.make_node("Mul", ["x", "w"], ["y"])], {"w": _array(3, 4)}, (3, 4), 2, opset=8)
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, (3, 4)))
    onnx.save_model(model, tmp_path / "net.onnx")
    read = read_onnx(tmp_path / "net.onnx")
    assert (list(read.inputs), list(read.arrays)) == (["x"], ["w"])
