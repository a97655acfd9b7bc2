"""What goes into a module and comes out of it: types, lists and dicts, numbers and None; no state is kept."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import rt3d_mlir
from rt3d_mlir.compile.exported import export_source
from rt3d_mlir.errors import ModelError
from rt3d_mlir.frontend.open_source import open_source
from rt3d_mlir.runtime.golden import golden_error

CLIP = (1, 3, 2, 6, 8)


class Fn(nn.Module):
    """A conv, whose output `fn` goes on with."""

    def __init__(self, fn=lambda _net, y: y):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.fn = nn.Conv3d(3, 4, 3, padding=1), fn

    def forward(self, *args):
        return self.fn(self, *args)


def compiled(model: nn.Module, args: tuple, folder: Path) -> rt3d_mlir.runtime.Module:
    rt3d_mlir.export(model, args).compile(folder)
    return rt3d_mlir.load(folder, threads=1)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int32, torch.int64, torch.bool], ids=str)
def test_whole_numbers_are_cast_where_the_model_takes_none(kind: torch.dtype):
    x = torch.arange(288).remainder(200).to(kind).reshape(CLIP)
    exported = rt3d_mlir.export(Fn(lambda net, x: net.conv(x)), (x,))
    wanted = exported.source.reference(exported.parameters, [x.numpy()])[0]
    element = {"uint8": "i8", "int8": "i8", "int32": "i32", "int64": "i64", "bool": "i1"}[
        exported.source.inputs[0].dtype
    ]
    assert re.search(rf"func @main\(%\w+: tensor<1x3x2x6x8x{element}>", exported.floor1.text)
    assert f"arith.{'uitofp' if kind in (torch.uint8, torch.bool) else 'sitofp'}" in exported.floor1.text
    with torch.no_grad():
        np.testing.assert_array_equal(wanted, exported.source._model.conv(x.float()).numpy())


def test_a_camera_gives_uint8(tmp_path: Path):
    """255 is not -1, and the manifest and the golden input say uint8."""
    run = compiled(Fn(lambda net, x: net.conv(x)), (torch.zeros(CLIP, dtype=torch.uint8),), tmp_path / "a")
    assert str(run.inputs[0]) == "1x3x2x6x8 uint8"
    golden = np.load(tmp_path / "a" / "golden" / "input_0.npy")
    assert golden.dtype == np.uint8
    assert golden.max() > 200
    x = torch.full(CLIP, 255, dtype=torch.uint8)
    with torch.no_grad():
        wanted = Fn(lambda net, x: net.conv(x))(x.float()).numpy()
    assert golden_error(run(x.numpy()), wanted) < 1e-5


def test_indices_stay_whole_numbers():
    """They are not cast, and the golden ones are the example's: others may be out of range."""

    class Lookup(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.conv = nn.Embedding(5, 8), nn.Conv1d(8, 4, 3)

        def forward(self, i: torch.Tensor) -> torch.Tensor:
            return self.conv(self.table(i).transpose(1, 2))

    exported = rt3d_mlir.export(Lookup(), (torch.tensor([[4, 0, 1, 3, 2, 2]]),))
    np.testing.assert_array_equal(exported.golden[0][0], [[4, 0, 1, 3, 2, 2]])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_models_of_other_floats_are_computed_in_float32(kind: torch.dtype, tmp_path: Path):
    model = nn.Sequential(Fn(lambda net, x: net.conv(x)), nn.BatchNorm3d(4), nn.GroupNorm(2, 4)).eval().to(kind)
    x = torch.randn(CLIP, generator=torch.Generator().manual_seed(1)).to(kind)
    exported = rt3d_mlir.export(model, (x,))
    name = str(kind).removeprefix("torch.")
    assert exported.source.notes[0] == f"Sequential: what is {name} in it is computed as float32"
    assert {array.dtype for key, array in exported.parameters.items() if "num" not in key} == {np.dtype("float32")}
    exported.compile(tmp_path / "a")
    run = rt3d_mlir.load(tmp_path / "a", threads=1)
    outside = "float32" if kind is torch.bfloat16 else name
    assert (run.inputs[0].dtype, run.manifest.outputs[0].dtype) == (outside, outside)
    given = (x.float() if kind is torch.bfloat16 else x).numpy()
    with torch.no_grad():
        wanted = model.double()(x.double()).numpy()
    assert golden_error(run(given).astype(np.float64), wanted) < (1e-5 if outside != "float16" else 2e-3)
    assert model[1].weight.dtype is torch.float64  # as this test left it: the compiler never touched it


def test_a_half_precision_archive(tmp_path: Path):
    """Types that its graph names, as those of what forward makes, change with the weights."""
    model = Fn(lambda net, x: net.conv(x) + torch.ones(2, 6, 8, dtype=x.dtype) + x.half().mean()).half()
    torch.export.save(torch.export.export(model, (torch.zeros(CLIP).half(),), strict=False), tmp_path / "half.pt2")
    exported = export_source(open_source(str(tmp_path / "half.pt2")))
    inputs, outputs = exported.golden
    assert (inputs[0].dtype, outputs[0].dtype) == (np.float16, np.float16)
    kinds = re.findall(r"arith\.(\w+) .*f16", exported.floor1.text)
    assert kinds == ["extf", "truncf"]  # on the way in, and out
    with torch.no_grad():
        assert golden_error(outputs[0].astype(np.float32), model(torch.from_numpy(inputs[0])).float().numpy()) < 5e-3


def test_lists_and_dicts_are_taken_one_by_one(tmp_path: Path):
    model = Fn(lambda net, paths, options: net.conv(paths[0]).mean() + net.conv(paths[1]).mean() * options["scale"])
    args = ([torch.randn(CLIP), torch.randn(1, 3, 4, 6, 8)], {"scale": torch.tensor(2.0), "other": None})
    exported = rt3d_mlir.export(model, args)
    assert exported.floor1.input_names == ["args_0_0", "args_0_1", "args_1_scale"]
    exported.compile(tmp_path / "a")
    run = rt3d_mlir.load(tmp_path / "a", threads=1)
    with torch.no_grad():
        wanted = model(*args).numpy()
    seen = run(args[0][0].numpy(), args[0][1].numpy(), args[1]["scale"].numpy())
    assert isinstance(seen, np.ndarray)
    assert (seen.shape, seen.dtype) == ((), np.float32)
    assert abs(seen - wanted) < 1e-5


def test_outputs_of_all_kinds(tmp_path: Path):
    def fn(net: Fn, x: torch.Tensor) -> tuple:
        y = net.conv(x)
        classes = y.flatten(1).argmax(1)
        return y, None, {"positive": y > 0, "count": (y > 0).sum(), "number": 3}, [classes, y.mean(), classes.int()]

    x = torch.randn(CLIP, generator=torch.Generator().manual_seed(1))
    run = compiled(Fn(fn), (x,), tmp_path / "a")
    assert list(map(str, run.manifest.outputs)) == [
        *("1x4x2x6x8 float32", "1x4x2x6x8 bool", " int64", "1 int64", " float32", "1 int32"),
    ]
    with torch.no_grad():
        y, _, named, rest = Fn(fn)(x)
    for seen, wanted in zip(run(x.numpy()), [y, named["positive"], named["count"], *rest], strict=True):
        assert (seen.dtype, seen.shape) == (wanted.numpy().dtype, tuple(wanted.shape))
        assert golden_error(seen, wanted.numpy()) < 1e-5


def test_references_that_are_not_finite(tmp_path: Path):
    """NaN of the square root of half the inputs: they are drawn again, and what NaN is left has to be NaN."""
    run = compiled(
        Fn(lambda net, x: (net.conv(torch.log(x)), torch.sqrt(x - 0.5))), (torch.zeros(CLIP),), tmp_path / "a"
    )
    outputs = [np.load(tmp_path / "a" / "golden" / f"output_{i}.npy") for i in (0, 1)]
    assert np.isfinite(outputs[0]).all()
    assert 0 < np.isnan(outputs[1]).mean() < 1
    assert golden_error(run(np.load(tmp_path / "a" / "golden" / "input_0.npy"))[1], outputs[1]) < 1e-5


def test_bool_buffers_and_masks(tmp_path: Path):
    model = Fn(lambda net, x: net.conv(x).masked_fill(~net.keep, -1.0).where(net.keep, torch.tensor(2.0)))
    model.register_buffer("keep", torch.rand(1, 1, 2, 6, 8, generator=torch.Generator().manual_seed(1)) > 0.3)
    x = torch.randn(CLIP)
    with torch.no_grad():
        wanted = model(x).numpy()
    assert golden_error(compiled(model, (x,), tmp_path / "a")(x.numpy()), wanted) < 1e-5


def test_what_is_written_to_the_input_stays_inside(tmp_path: Path):
    x = torch.randn(CLIP)
    model = Fn(lambda net, x: net.conv(F.relu(x, inplace=True)))
    run, given = compiled(model, (x.clone(),), tmp_path / "a"), x.numpy().copy()
    with torch.no_grad():
        assert golden_error(run(given), model(x.clone()).numpy()) < 1e-5
    np.testing.assert_array_equal(given, x.numpy())


def test_a_buffer_that_forward_writes():
    def count(net: Fn, x: torch.Tensor) -> torch.Tensor:
        net.calls += 1
        return net.conv(x)

    model = Fn(count)
    model.register_buffer("calls", torch.zeros(2))
    with pytest.raises(ModelError, match=r"forward writes to the buffer 'calls', and a compiled module keeps nothing"):
        rt3d_mlir.export(model, (torch.zeros(CLIP),)).floor1  # noqa: B018


def test_a_program_in_training_mode(tmp_path: Path):
    model = nn.Sequential(nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.Dropout()).train()
    torch.export.save(torch.export.export(model, (torch.zeros((1, 3, 4, 6, 8)),), strict=False), tmp_path / "t.pt2")
    with pytest.raises(ModelError, match=r"'1\.running_mean': it is in training mode; call model\.eval\(\) before"):
        open_source(str(tmp_path / "t.pt2")).lower({})
