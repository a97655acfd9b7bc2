"""ONNX's pads, slices and resizing between two convs: one op of the blocked layout, whatever they are imported as."""

from collections.abc import Sequence
from pathlib import Path

import iree.compiler.ir as ir
import numerics
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rt3d_mlir.frontend.onnx_source import open_onnx

RNG = np.random.default_rng(0)
SHAPE = (1, 4, 3, 6, 7)


def _resize(mode: str, coordinates: str, **said: object) -> onnx.NodeProto:
    return helper.make_node(
        "Resize", ["a", "", "", "sizes"], ["b"], mode=mode, coordinate_transformation_mode=coordinates, **said
    )


MOVES = {
    "nearest": (_resize("nearest", "asymmetric", nearest_mode="floor"), {"sizes": [1, 8, 6, 12, 14]}),
    "nearest-half-pixel": (_resize("nearest", "half_pixel"), {"sizes": [1, 8, 4, 13, 5]}),
    "linear": (_resize("linear", "half_pixel"), {"sizes": [1, 8, 5, 12, 9]}),
    "linear-corners": (_resize("linear", "align_corners"), {"sizes": [1, 8, 6, 4, 14]}),
    **{
        f"pad-{mode}": (
            helper.make_node("Pad", ["a", "pads"], ["b"], mode=mode),
            {"pads": [0, 0, 1, 0, 2, 0, 0, 0, 1, 3]},
        )
        for mode in ("reflect", "edge", "wrap")
    },
    "slice": (
        helper.make_node("Slice", ["a", "starts", "ends", "axes", "steps"], ["b"]),
        {"starts": [0, 5], "ends": [6, -20], "axes": [3, 4], "steps": [2, -1]},
    ),
    "gather": (helper.make_node("Gather", ["a", "places"], ["b"], axis=3), {"places": [5, 0, 0, 3]}),
}


def _file(node: onnx.NodeProto, arrays: dict[str, Sequence[int]], folder: Path) -> Path:
    weights = {"v": RNG.standard_normal((8, 4, 1, 1, 1)), "w": RNG.standard_normal((4, 8, 1, 1, 1))}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "v"], ["a"]), node, helper.make_node("Conv", ["b", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 5)],
        [
            *(numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()),
            *(numpy_helper.from_array(np.asarray(numbers, np.int64), name) for name, numbers in arrays.items()),
        ],
    )
    path = folder / "net.onnx"
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), path)
    return path


@pytest.mark.parametrize("name", MOVES)
def test_moves_are_one_op(name: str, tmp_path: Path):
    source = open_onnx(_file(*MOVES[name], tmp_path))
    with ir.Context(), ir.Location.unknown():
        text, notes = numerics.rewrite(*source.lower(source.parameters).parse())
    assert notes == []
    assert text.count("flow.dispatch @block_layout") == 1
    assert text.count("flow.dispatch @channel_layout") == 1
    assert text.count("flow.dispatch @resample") == 1
    x = RNG.standard_normal(SHAPE).astype(np.float32)
    numerics.compile_text(text, tmp_path)
    (ours,) = numerics.load_process(tmp_path / "module.vmfb", 1, "host")([x])
    (expected,) = source.reference(source.parameters, [x])
    assert numerics.relative_error(ours, expected) < 1e-5
