"""ONNX files: their weights, shapes and errors, and the numbers of what they compile to."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import nets
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import rt3d_mlir
from rt3d_mlir import models
from rt3d_mlir.compile.exported import export_source
from rt3d_mlir.errors import InputError, ModelError
from rt3d_mlir.frontend.onnx_source import open_onnx
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.frontend.source import ModelInput, Source
from rt3d_mlir.sparsity import GroupSize, MaskSet, Sparsity, apply_masks, magnitude_mask, save_masks
from rt3d_mlir.tools.compile import main

GROUP = GroupSize(8, 4)
NARROW = {
    "c3d": ({"num_classes": 5, "width": 4, "clip": (16, 16, 16)}, (1, 3, 16, 16, 16)),
    "r2plus1d_18": ({"num_classes": 5, "width": 8}, (1, 3, 8, 16, 16)),
}
WEIGHT = np.random.default_rng(0).standard_normal((8, 4, 3, 3, 3)).astype(np.float32)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A model of `nodes` from x to y, both of rank 5 unless told, with these arrays as initializers."""

    def make(
        nodes: Sequence[onnx.NodeProto],
        arrays: dict[str, np.ndarray],
        x: Sequence[int | str | None] = (1, 4, 4, 4, 4),
        kind: int = TensorProto.FLOAT,
        domains: Sequence[str] = (),
        functions: Sequence[onnx.FunctionProto] = (),
        opset: int = 20,
        **options: object,
    ) -> Path:
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", kind, x)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(x))],
            [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        )
        opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        path = tmp_path / "net.onnx"
        onnx.save_model(helper.make_model(graph, opset_imports=opsets, functions=functions), path, **options)
        return path

    return make


@pytest.fixture
def conv(write: Write) -> Path:
    return write([_conv()], {"c.weight": WEIGHT})


def _conv(weight: str = "c.weight", **attributes: object) -> onnx.NodeProto:
    return helper.make_node("Conv", ["x", weight], ["y"], name="conv", **attributes)


def _torch_conv(x: np.ndarray, weight: np.ndarray = WEIGHT) -> np.ndarray:
    return torch.conv3d(torch.from_numpy(x), torch.from_numpy(weight)).numpy()


def _answers(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """A seeded input and what the source's reference says of it."""
    (x,), (y, *_) = export_source(source).golden
    return x, y


def _narrow(name: str, density: float = 1.0) -> tuple[nn.Module, tuple[int, ...]]:
    """A model of the zoo with random batch norms; its large layers pruned to `density`."""
    options, shape = NARROW[name]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = models.build(name, **options).eval()
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm3d):
                layer.running_mean.normal_()  # type: ignore[union-attr]
                layer.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
        if density < 1:
            parameters = {key: value.numpy() for key, value in model.named_parameters()}
            masked = apply_masks(parameters, _masks(parameters, density))
            model.load_state_dict({key: torch.from_numpy(array) for key, array in masked.items()}, strict=False)
    return model, shape


def _masks(parameters: dict[str, np.ndarray], density: float) -> MaskSet:
    weights = {key: array for key, array in parameters.items() if array.ndim == 5 and array.shape[1] >= 4}
    masks = {key: magnitude_mask(array, GROUP, 1 - density) for key, array in weights.items()}
    return MaskSet(GROUP, Sparsity.KGS, masks, {key: array.shape for key, array in weights.items()})


@pytest.mark.parametrize("name", ["c3d", pytest.param("r2plus1d_18", marks=pytest.mark.slow)])
def test_an_exported_network_is_packed_and_answers_as_in_pytorch(name: str, tmp_path: Path):
    """The zeros of its weights are packed away as they are from PyTorch, and the numbers are PyTorch's."""
    model, shape = _narrow(name, density=0.3)
    path = nets.save_onnx(tmp_path / "net.onnx", model, shape, dynamo=True)
    exported = export_source(open_source(str(path)), group=GROUP)
    manifest = exported.compile(tmp_path / "artifact")
    assert manifest.tools["onnx"] == onnx.__version__
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(x).numpy()
    answer = rt3d_mlir.load(tmp_path / "artifact")(x.numpy())
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4 * np.ptp(expected))
    ours, theirs = exported.report(), rt3d_mlir.export(model, (torch.zeros(shape),), group=GROUP).report()
    assert all(layer.packed for layer in ours.layers)
    assert (ours.macs_before, ours.macs_after) == (theirs.macs_before, theirs.macs_after)
    assert ours.rate > 1.5
    if name == "c3d":  # torch folds R(2+1)D's batch norms on export, and keeps their weights' names
        assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]


def test_masks_by_initializer_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = nets.seeded(nets.Net)
    path = nets.save_onnx(tmp_path / "net.onnx", model, dynamo=True)
    weights = {"conv2.weight": model.conv2.weight.detach().numpy().copy()}
    masks = _masks(weights, 0.25)
    save_masks(tmp_path / "masks.safetensors", masks)
    command = [str(path), "-o", str(tmp_path / "artifact"), "--target=host", f"--masks={tmp_path}/masks.safetensors"]
    assert main(command) == 0, capsys.readouterr().err
    with torch.no_grad():
        model.conv2.weight.copy_(torch.from_numpy(apply_masks(weights, masks)["conv2.weight"]))
        x = torch.randn(nets.CLIP, generator=torch.Generator().manual_seed(1))
        expected = model(x).numpy()
    np.testing.assert_allclose(rt3d_mlir.load(tmp_path / "artifact")(x.numpy()), expected, rtol=1e-4, atol=1e-4)
    rows = {layer.name: layer for layer in rt3d_mlir.load(tmp_path / "artifact").manifest.layers}
    assert rows["conv2"].kept_share == pytest.approx(0.25, abs=0.02)


def test_the_older_exporter(tmp_path: Path):
    """TorchScript's: other names, constants as nodes."""
    model = nets.seeded(nets.Net, batch_norm=True)
    source = open_onnx(nets.save_onnx(tmp_path / "net.onnx", model, dynamo=False))
    x, y = _answers(source)
    with torch.no_grad():
        np.testing.assert_allclose(y, model(torch.from_numpy(x)).numpy(), rtol=1e-4, atol=1e-5)
    assert all(layer.packed for layer in export_source(source).report().layers)


def test_weights_are_in_the_table_and_not_in_the_ir(tmp_path: Path):
    model = nets.seeded(nets.Net)
    floor1 = export_source(open_onnx(nets.save_onnx(tmp_path / "net.onnx", model, dynamo=True))).floor1
    for name in ("conv1.weight", "conv2.weight", "fc.weight"):
        assert f"dense_resource<{name}>" in floor1.text
        np.testing.assert_array_equal(floor1.weights[name], model.get_parameter(name).detach().numpy())
    assert len(floor1.text) < 20_000
    assert floor1.input_names == ["x"]


@pytest.mark.parametrize("name", ["onnx::Conv_12", "model/conv/kernel:0", "7"])
def test_names_that_other_exporters_give(write: Write, name: str):
    source = open_onnx(write([_conv(name)], {name: WEIGHT}))
    x, y = _answers(source)
    np.testing.assert_allclose(y, _torch_conv(x), rtol=1e-4, atol=1e-4)
    assert list(export_source(source).floor1.weights) == [name]
    assert source.macs() == {name: 8 * 4 * 27 * 8}


def test_a_constant_node_is_an_initializer(write: Write):
    constant = helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(WEIGHT))
    source = open_onnx(write([constant, _conv("k")], {}))
    np.testing.assert_array_equal(source.parameters["k"], WEIGHT)
    x, y = _answers(source)
    np.testing.assert_allclose(y, _torch_conv(x), rtol=1e-4, atol=1e-4)


def test_a_local_function_is_inlined(write: Write):
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    twice = helper.make_function("my", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 20)])
    nodes = [helper.make_node("Twice", ["x"], ["z"], domain="my"), helper.make_node("Conv", ["z", "w"], ["y"])]
    x, y = _answers(open_onnx(write(nodes, {"w": WEIGHT}, domains=["my"], functions=[twice])))
    np.testing.assert_allclose(y, _torch_conv(2 * x), rtol=1e-4, atol=1e-4)


def test_scales_that_an_operator_reads(write: Write):
    """An array of a few numbers is part of the program."""
    resize = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="nearest")
    source = open_onnx(write([resize], {"s": np.array([1, 1, 1, 2, 2], np.float32)}))
    assert "tensor<1x4x4x8x8xf32>" in export_source(source).floor1.text


def test_external_data(write: Write, tmp_path: Path):
    options = {"save_as_external_data": True, "location": "net.data", "size_threshold": 0}
    path = write([_conv()], {"c.weight": WEIGHT}, **options)
    np.testing.assert_array_equal(open_onnx(path).parameters["c.weight"], WEIGHT)
    data = (tmp_path / "net.data").read_bytes()
    (tmp_path / "net.data").write_bytes(data[:-100])
    with pytest.raises(ModelError, match=r"the numbers of initializer 'c\.weight' cannot be read, or were cut short"):
        open_onnx(path)
    (tmp_path / "net.data").unlink()
    with pytest.raises(ModelError, match=r"net\.onnx is not valid ONNX: .*c\.weight.*net\.data"):
        open_onnx(path)


# What is written in other operators


def test_pools_whose_windows_hang_over_are_packed(write: Write, tmp_path: Path):
    """Compiled and checked against onnxruntime, which runs the file as it is."""
    averages = {"kernel_shape": [3] * 3, "strides": [2] * 3, "pads": [1] * 6, "ceil_mode": 1, "count_include_pad": 1}
    nodes = [
        helper.make_node("Conv", ["x", "c.weight"], ["c"], name="conv"),
        helper.make_node("AveragePool", ["c"], ["a"], name="average", **averages),
        helper.make_node("MaxPool", ["a"], ["y"], name="max", kernel_shape=[2] * 3, strides=[2] * 3, ceil_mode=1),
    ]
    exported = export_source(open_onnx(write(nodes, {"c.weight": WEIGHT}, x=(1, 4, 8, 9, 10))))
    exported.compile(tmp_path / "artifact")
    assert [fate.name for fate in exported.explain().fates if fate.kind.endswith("Pool")] == ["average", "max"]


def test_transposed_convs_are_packed(write: Write, tmp_path: Path):
    """With uneven padding and what stands behind them; no MACs are spent on zeros between the inputs."""
    m = WEIGHT.shape[0]
    said = {"strides": [2, 2, 2], "pads": [1, 0, 1, 0, 1, 1], "output_padding": [0, 1, 0]}
    nodes = [
        helper.make_node("Conv", ["x", "c.weight"], ["c"], name="conv"),
        helper.make_node("ConvTranspose", ["c", "t.weight", "b"], ["t"], name="up", **said),
        helper.make_node("BatchNormalization", ["t", "s", "b", "b", "s"], ["n"], name="norm"),
        helper.make_node("Relu", ["n"], ["r"], name="relu"),
        helper.make_node("Conv", ["r", "d.weight"], ["y"], name="last"),
    ]
    rng = np.random.default_rng(0)
    arrays = {"c.weight": WEIGHT, "s": np.full(6, 2, np.float32), "b": np.arange(6, dtype=np.float32)}
    arrays["t.weight"] = rng.standard_normal((m, 6, 3, 3, 3), np.float32)
    arrays["d.weight"] = rng.standard_normal((5, 6, 1, 1, 1), np.float32)
    exported = export_source(open_onnx(write(nodes, arrays, x=(1, 4, 4, 5, 6))))
    exported.compile(tmp_path / "artifact")
    explanation = exported.explain()
    assert not [fate for fate in explanation.fates if fate.macs_off]
    (up,) = [fate for fate in explanation.fates if fate.name == "up"]
    outputs = 4 * 7 * 7
    assert up.macs < outputs * m * 6 * 27 / 2


def test_functions_and_backward_layers(write: Write, tmp_path: Path):
    """An attention and a group normalization, each replaced by what ONNX defines it as, under its own name."""
    nodes = [
        helper.make_node("GroupNormalization", ["x", "s", "b"], ["n"], name="norm", num_groups=2),
        helper.make_node("Reshape", ["n", "tokens"], ["t"], name="tokens"),
        helper.make_node("Attention", ["t", "t", "t"], ["h"], name="attend", q_num_heads=2, kv_num_heads=2),
        helper.make_node("Reshape", ["h", "volume"], ["y"], name="volume"),
    ]
    arrays = {"s": np.array([1, 2, 3, 4], np.float32), "b": np.array([0, 1, 0, 1], np.float32)}
    arrays |= {"tokens": np.array([1, 64, 4]), "volume": np.array([1, 4, 4, 4, 4])}
    exported = export_source(open_onnx(write(nodes, arrays, opset=23)))
    exported.compile(tmp_path / "artifact")
    assert {"norm", "attend"} <= {fate.name for fate in exported.explain().fates}


def _norm_nodes(form: str, epsilon: float = 1e-3) -> list[onnx.NodeProto]:
    """From c to n, of 8 channels: as an operator, or as PyTorch exports a group norm before opset 21."""
    if form == "instance":
        return [helper.make_node("InstanceNormalization", ["c", "s", "b"], ["n"], epsilon=epsilon)]
    if form == "group":
        return [helper.make_node("GroupNormalization", ["c", "s", "b"], ["n"], num_groups=2, epsilon=epsilon)]
    return [
        helper.make_node("Reshape", ["c", "view"], ["v"]),
        helper.make_node("InstanceNormalization", ["v", "ones", "zeros"], ["w"], epsilon=epsilon),
        helper.make_node("Shape", ["c"], ["shape"]),
        helper.make_node("Reshape", ["w", "shape"], ["u"]),
        helper.make_node("Mul", ["u", "s5"], ["m"]),
        helper.make_node("Add", ["m", "b5"], ["n"]),
    ]


@pytest.mark.parametrize(("form", "opset"), [("instance", 17), ("group", 21), ("viewed", 17)])
def test_norms_stay_on_the_packed_path(write: Write, tmp_path: Path, form: str, opset: int):
    rng = np.random.default_rng(0)
    arrays = {name: rng.uniform(1, 2, 8).astype(np.float32) for name in "sb"}
    arrays |= {"s5": arrays["s"].reshape(-1, 1, 1, 1), "b5": arrays["b"].reshape(-1, 1, 1, 1)}
    arrays |= {"view": np.array([0, 2, -1]), "ones": np.ones(2, np.float32), "zeros": np.zeros(2, np.float32)}
    arrays |= {"c.weight": WEIGHT, "d.weight": rng.standard_normal((4, 8, 1, 1, 1)).astype(np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "c.weight"], ["c"]),
        *_norm_nodes(form),
        helper.make_node("Conv", ["n", "d.weight"], ["y"]),
    ]
    read = {name for node in nodes for name in node.input}
    kept = {name: array for name, array in arrays.items() if name in read}
    exported = export_source(open_onnx(write(nodes, kept, x=(2, 4, 5, 6, 7), opset=opset)))
    exported.compile(tmp_path / "artifact")  # compares with onnxruntime
    numbers = exported.explain().numbers()
    assert (numbers["left"], numbers["left_in_part"], numbers["conversions"]) == (0, 0, 2)


def test_recurrent_layers_are_loops(tmp_path: Path):
    """Two of them after each other, both ways, which need their memory at the same time."""
    rng = np.random.default_rng(0)
    sizes = {"w0": (2, 12, 4), "r0": (2, 12, 3), "w1": (2, 12, 6), "r1": (2, 12, 3)}
    arrays = {name: rng.standard_normal(size).astype(np.float32) for name, size in sizes.items()}
    arrays["shape"] = np.array([5, 2, 6])
    nodes = [
        helper.make_node("LSTM", ["x", "w0", "r0"], ["a"], hidden_size=3, direction="bidirectional"),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["b", "shape"], ["c"]),
        helper.make_node("LSTM", ["c", "w1", "r1"], ["y"], hidden_size=3, direction="bidirectional"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (5, 2, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    path = tmp_path / "net.onnx"
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    assert export_source(open_onnx(path)).compile(tmp_path / "artifact").arena == 0


# Shapes


def test_an_open_batch_is_one(write: Write):
    source = open_source(str(write([_conv()], {"c.weight": WEIGHT}, x=("N", 4, 4, 4, 4))))
    assert source.inputs == [ModelInput((1, 4, 4, 4, 4))]
    assert source.notes == ["net.onnx: the size of N is open; it is taken as 1"]


def test_input_shape_fixes_what_is_open(write: Write):
    path = str(write([_conv()], {"c.weight": WEIGHT}, x=("N", 4, "T", 4, None)))
    source = open_source(path, (2, 4, 6, 4, 5))
    assert (source.inputs, source.notes) == ([ModelInput((2, 4, 6, 4, 5))], [])
    x, y = _answers(source)
    np.testing.assert_allclose(y, _torch_conv(x), rtol=1e-4, atol=1e-4)
    assert source.macs() == {"c.weight": WEIGHT.size * 2 * 4 * 2 * 3}
    with pytest.raises(InputError, match=r"T of input 'x' has no fixed size; give --input-shape"):
        open_source(path)
    with pytest.raises(InputError, match=r"takes an input of 2x4x6x4x5, not 2x4x6x3x5"):
        open_source(path, (2, 4, 6, 3, 5))


# Types


@pytest.mark.parametrize(("kind", "name"), [(TensorProto.FLOAT16, "float16"), (TensorProto.DOUBLE, "float64")])
@pytest.mark.parametrize("inside", [False, True])
def test_files_of_other_floats(kind: int, name: str, inside: bool, tmp_path: Path):
    """All of it in that type, or what is between two casts."""
    boundary = TensorProto.FLOAT if inside else kind
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    if inside:
        nodes = [
            helper.make_node("Cast", ["x"], ["a"], to=kind),
            helper.make_node("Conv", ["a", "w"], ["b"]),
            helper.make_node("Cast", ["b"], ["y"], to=TensorProto.FLOAT),
        ]
    ends = [
        helper.make_tensor_value_info(end, boundary, size) for end, size in (("x", (1, 4, 4, 4, 4)), ("y", [None] * 5))
    ]
    weight = WEIGHT.astype(name)
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    path = tmp_path / "net.onnx"
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    source = open_onnx(path)
    assert source.notes == [f"net.onnx: what is {name} in it is computed as float32"]
    exported = export_source(source)
    assert [layer.packed for layer in exported.report().layers] == [True]
    manifest = exported.compile(tmp_path / "artifact")
    wanted = "float32" if inside else name
    assert (manifest.inputs[0].dtype, manifest.outputs[0].dtype) == (wanted, wanted)
    x = np.random.default_rng(2).standard_normal((1, 4, 4, 4, 4)).astype(wanted)
    y = rt3d_mlir.load(tmp_path / "artifact")(x)
    assert y.dtype == wanted
    expected = _torch_conv(x.astype(np.float32), weight.astype(np.float32))
    np.testing.assert_allclose(y, expected, atol=2e-2 if wanted == "float16" else 1e-4)


def test_whole_numbers_and_truth_values(tmp_path: Path):
    """A camera's uint8, an index, and outputs of several types and ranks."""
    nodes = [
        helper.make_node("Cast", ["image"], ["a"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["a", "index"], ["picked"], axis=1),
        helper.make_node("Greater", ["picked", "half"], ["bright"]),
        helper.make_node("ReduceMean", ["picked"], ["mean"], keepdims=0),
        helper.make_node("ArgMax", ["picked"], ["place"], axis=2, keepdims=0),
    ]
    kinds = {"image": TensorProto.UINT8, "index": TensorProto.INT64, "bright": TensorProto.BOOL}
    kinds |= {"mean": TensorProto.FLOAT, "place": TensorProto.INT64}
    sizes = {"image": (2, 3, 5), "index": (4,), "bright": (2, 4, 5), "mean": (), "place": (2, 4)}
    ends = {name: helper.make_tensor_value_info(name, kinds[name], size) for name, size in sizes.items()}
    graph = helper.make_graph(
        nodes,
        "net",
        [ends["image"], ends["index"]],
        [ends["bright"], ends["mean"], ends["place"]],
        [numpy_helper.from_array(np.array(128, np.float32), "half")],
    )
    path = tmp_path / "net.onnx"
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    exported = export_source(open_onnx(path))
    manifest = exported.compile(tmp_path / "artifact")
    assert [spec.dtype for spec in manifest.inputs] == ["uint8", "int64"]
    assert [spec.dtype for spec in manifest.outputs] == ["bool", "float32", "int64"]
    rng = np.random.default_rng(1)
    image, index = rng.integers(0, 256, (2, 3, 5)).astype(np.uint8), np.array([2, 0, 1, 1])
    bright, mean, place = rt3d_mlir.load(tmp_path / "artifact")(image, index)
    picked = image[:, index].astype(np.float32)
    np.testing.assert_array_equal(bright, picked > 128)
    np.testing.assert_allclose(mean, picked.mean(), rtol=1e-5)
    np.testing.assert_array_equal(place, picked.argmax(2))


# The reference


def test_without_onnxruntime(conv: Path, monkeypatch: pytest.MonkeyPatch):
    x, expected = _answers(open_onnx(conv))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    source = open_onnx(conv)
    assert any("cannot show an error of the import: pip install 'rt3d-mlir[onnx]'" in note for note in source.notes)
    again, ours = _answers(source)
    np.testing.assert_array_equal(again, x)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_the_reference_has_the_parameters_that_are_compiled(conv: Path):
    source = open_onnx(conv)
    x = np.ones((1, 4, 4, 4, 4), np.float32)
    (y,) = source.reference({"c.weight": 2 * WEIGHT}, [x])
    np.testing.assert_allclose(y, _torch_conv(x, 2 * WEIGHT), rtol=1e-4, atol=1e-4)


# Errors


def test_without_onnx(conv: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"not installed: pip install 'rt3d-mlir\[onnx\]'"):
        open_source(str(conv))


@pytest.mark.parametrize("share", [0, 0.002, 0.5, 0.999])
def test_a_file_that_was_cut_short(conv: Path, share: float):
    data = conv.read_bytes()
    conv.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match=r"net\.onnx .* cut short; export it again"):
        open_source(str(conv))


def test_another_kind_of_file(tmp_path: Path):
    (tmp_path / "net.onnx").write_text("not a model at all")
    with pytest.raises(ModelError, match=r"net\.onnx is not an ONNX model"):
        open_source(str(tmp_path / "net.onnx"))


def test_an_operator_that_torch_mlir_lacks(write: Write):
    node = helper.make_node("DeformConv", ["x", "w", "o"], ["y"], name="warp")
    arrays = {"w": np.zeros((1, 1, 2, 2), np.float32), "o": np.zeros((1, 8, 3, 3), np.float32)}
    source = open_onnx(write([node], arrays, x=(1, 1, 4, 4)))
    with pytest.raises(
        ModelError, match=r"^net\.onnx: torch-mlir cannot lower the operator DeformConv \(node 'warp'\): "
    ):
        source.lower(source.parameters)


def test_an_operator_of_another_domain(write: Write):
    node = helper.make_node("FusedConv", ["x", "w"], ["y"], name="fused", domain="com.microsoft")
    path = write([node], {"w": WEIGHT}, domains=["com.microsoft"])
    with pytest.raises(ModelError, match=r"uses FusedConv of the domain com\.microsoft \(node 'fused'\)"):
        open_onnx(path)


def test_an_operator_that_does_not_exist(write: Write):
    path = write([helper.make_node("Konv", ["x", "w"], ["y"])], {"w": WEIGHT})
    with pytest.raises(ModelError, match=r"is not valid ONNX: No Op registered for Konv"):
        open_onnx(path)


def test_an_input_of_a_type_that_no_module_takes(write: Write):
    path = write([_conv()], {"c.weight": WEIGHT}, kind=TensorProto.STRING)
    with pytest.raises(InputError, match=r"input 'x' is STRING.*; expected a tensor with a shape, of float32, float16"):
        open_onnx(path)


@pytest.mark.parametrize("name", ["a b", 'a"b', "a>b", "a\\b", "ä", "a\nb"])
def test_a_name_that_mlir_cannot_hold(name: str, write: Write):
    path = write([_conv(name)], {name: WEIGHT})
    with pytest.raises(ModelError, match=r"has a space, a quote, > or another letter in its name .*; rename it"):
        open_onnx(path)


@pytest.mark.parametrize("name", ["a b", 'a"b', "a>b", "a\\b", "ä", "a\nb", "x:0", ""])
def test_odd_names_of_nodes_and_values(name: str, write: Write):
    nodes = [
        helper.make_node("Conv", ["x", "w"], [f"{name} 1"], name=name),
        helper.make_node("Relu", [f"{name} 1"], ["y"], name=name),
    ]
    exported = export_source(open_onnx(write(nodes, {"w": WEIGHT})))
    assert next(fate.name for fate in exported.explain().fates if fate.kind == "Conv") == (name or "Conv")
