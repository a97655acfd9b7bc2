"""What is said of a file that was given as MODEL and is none: what it is, and what to do."""

import shlex
from pathlib import Path

from rt3d_mlir import models
from rt3d_mlir.errors import ModelError, WeightError
from rt3d_mlir.frontend.checkpoint import read_checkpoint
from rt3d_mlir.frontend.file_kind import Kind

_EXPORT = 'torch.export.save(torch.export.export({model}, (clip,)), "model.pt2")'
_TO_ONNX = "write it as ONNX, with tf2onnx, and give that"

_WHAT_TO_DO = {
    Kind.TORCHSCRIPT: "torch.export does not read it. Where the model's code is: " + _EXPORT.format(model="model"),
    Kind.MODULE: "iree-run-module runs it; expected the model that it was compiled from",
    Kind.TFLITE: _TO_ONNX,
    Kind.SAVED_MODEL: _TO_ONNX,
    Kind.KERAS: _TO_ONNX,
    Kind.HDF5: _TO_ONNX,
    Kind.PYTHON: "export the model that it builds: " + _EXPORT.format(model="model"),
    Kind.LFS: "git lfs pull",
}


def refusal(path: Path, kind: Kind) -> ModelError:
    """The error for a file of that kind."""
    quoted = shlex.quote(str(path))
    if kind in (Kind.TORCH_SAVE, Kind.PICKLE):
        return _of_torch_save(path, kind)
    if kind == Kind.SAFETENSORS:
        return _of_weights(path)
    if kind == Kind.ARTIFACT:
        return ModelError(f"{path} is {kind}: rt3d-mlir-run {quoted} runs it")
    if kind == Kind.OLD_PT2:
        anew = f'torch.export.save(torch.export.load("{path}"), "new.pt2")'
        return ModelError(f"{path} is {kind}; where you trust it, write it anew: {anew}")
    known = f"expected a zoo model ({', '.join(models.names())}), a .pt2, an .onnx or an .mlir file"
    return ModelError(f"{path} is {kind}; {_WHAT_TO_DO.get(kind, known)}")


def _of_torch_save(path: Path, kind: Kind) -> ModelError:
    """Without running it: weights can be read, and anything else is taken for a module."""
    try:
        read_checkpoint(path)
    except WeightError:
        line = _EXPORT.format(model=f'torch.load("{path}", weights_only=False).eval()')
        return ModelError(
            f"{path} is {kind} that holds Python objects, a whole module for one: reading them can run any code, and "
            f"is refused. Where you trust it: {line}"
        )
    return _of_weights(path)


def _of_weights(path: Path) -> ModelError:
    zoo = f"--weights {shlex.quote(str(path))} behind a zoo model's name ({', '.join(models.names())})"
    return ModelError(f"{path} holds weights and no model: {zoo}, or the model itself: {_EXPORT.format(model='model')}")
