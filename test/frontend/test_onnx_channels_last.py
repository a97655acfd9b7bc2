"""ONNX graphs as TensorFlow's exporter writes them: channels on the last axis, two transposes around each conv."""

import re
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rt3d_mlir.compile.exported import export_source
from rt3d_mlir.frontend.onnx_source import open_onnx

FIRST, LAST = {3: [0, 4, 1, 2, 3], 2: [0, 3, 1, 2]}, {3: [0, 2, 3, 4, 1], 2: [0, 2, 3, 1]}
CHANNELS = 6


class Graph:
    """Nodes and weights of a net of `axes` dimensions; each method gives the name of its result."""

    def __init__(self, axes: int):
        self.axes, self.rng = axes, np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def array(self, numbers: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numbers, name))
        return name

    def normal(self, *shape: int) -> str:
        return self.array(self.rng.standard_normal(shape).astype(np.float32))

    def conv(self, x: str, n: int, m: int, kernel: int = 3) -> str:
        first = self.add("Transpose", x, perm=FIRST[self.axes])
        weights = self.normal(m, n, *[kernel] * self.axes)
        y = self.add("Conv", first, weights, pads=[kernel // 2] * 2 * self.axes)
        return self.add("Transpose", y, perm=LAST[self.axes])

    def batch_norm(self, x: str, channels: int) -> str:
        scaled = self.add("Mul", x, self.normal(channels))
        return self.add("Add", scaled, self.normal(channels))

    def save(self, y: str, shape: tuple[int, ...], path: Path) -> None:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, [None] * len(shape))],
            self.weights,
        )
        onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def residual(graph: Graph) -> str:
    """Batch norms, a residual sum, a concatenation, a pad, a gate of squeeze-excite."""
    x = graph.add("Relu", graph.batch_norm(graph.conv("x", 3, CHANNELS), CHANNELS))
    y = graph.add("Relu", graph.batch_norm(graph.conv(x, CHANNELS, CHANNELS), CHANNELS))
    y = graph.add("Add", x, y)
    y = graph.add("Concat", y, x, axis=-1)
    mean = graph.add("ReduceMean", y, axes=list(range(1, graph.axes + 1)), keepdims=1)
    gate = graph.add("Sigmoid", graph.conv(mean, 2 * CHANNELS, 2 * CHANNELS, 1))
    return graph.conv(graph.add("Mul", y, gate), 2 * CHANNELS, 5)


def layer_norm(graph: Graph) -> str:
    """A layer norm and a linear layer on the last axis, as ConvNeXt has them."""
    x = graph.conv("x", 3, 8)
    y = graph.add("LayerNormalization", x, graph.normal(8), graph.normal(8), axis=-1)
    y = graph.add("Add", graph.add("MatMul", y, graph.normal(8, 16)), graph.normal(16))
    y = graph.add("MatMul", graph.add("Relu", y), graph.normal(16, 8))
    return graph.conv(graph.add("Add", x, y), 8, 5)


def softmax(graph: Graph) -> str:
    """Probabilities of five classes."""
    return graph.add("Softmax", graph.conv(graph.add("Relu", graph.conv("x", 3, 8)), 8, 5), axis=-1)


@pytest.mark.parametrize("axes", [3, 2])
@pytest.mark.parametrize("net", [residual, layer_norm, softmax])
def test_transposes_are_left_at_the_ends(net, axes: int, tmp_path: Path):
    graph = Graph(axes)
    graph.save(net(graph), (2, *(5, 6, 7)[-axes:], 3), tmp_path / "net.onnx")
    source = open_onnx(tmp_path / "net.onnx")
    with ir.Context(), ir.Location.unknown():
        text, notes = numerics.rewrite(*source.lower(source.parameters).parse())
    assert text.count("flow.dispatch @block_layout") == 1
    assert text.count("flow.dispatch @channel_layout") == 1
    assert len(re.findall(r"linalg\.transpose", text)) == 2
    assert "linalg.generic" not in text
    assert notes == []


@pytest.mark.parametrize("net", [residual, layer_norm, softmax])
def test_numbers(net, tmp_path: Path):
    graph = Graph(3)
    graph.save(net(graph), (2, 5, 6, 7, 3), tmp_path / "net.onnx")
    export_source(open_onnx(tmp_path / "net.onnx")).compile(tmp_path / "artifact", "host")  # compares with onnxruntime
