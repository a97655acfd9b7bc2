"""What a run leaves in its folder: weights, masks, the model to compile, report.json and curves.png."""

import json
import platform
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rt3d_mlir.errors import TrainingError
from rt3d_mlir.files import replacing
from rt3d_mlir.sparsity import save_masks, save_weights
from rt3d_mlir.training.curves import draw
from rt3d_mlir.training.forward import in_format
from rt3d_mlir.training.model import numpy_weights
from rt3d_mlir.training.trainer import Trainer


def write_results(trainer: Trainer, folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes all of it, each file under a temporary name first; returns the report. `facts` open it.

    `model.pt2` is the pruned model as torch.export archives it, for the size of clip that it was trained on:
    `rt3d-mlir-compile model.pt2 --masks masks.safetensors` takes it as it is. Raises TrainingError where the disk or
    torch.export says no; the weights and masks are there by then.
    """
    assert trainer.pruner is not None
    assert trainer.pruner.masks is not None
    save_weights(folder / "weights.safetensors", numpy_weights(trainer.model))
    save_masks(folder / "masks.safetensors", trainer.pruner.masks)
    report = {**facts, **_report(trainer)}
    text = json.dumps(report, indent=2, default=_plain)
    _write(folder / "report.json", lambda path: path.write_text(text + "\n"))
    _write(folder / "curves.png", lambda path: draw(trainer.epochs, trainer.stages, path))
    _write(folder / "model.pt2", lambda path: _export(trainer, path))
    return report


def _report(trainer: Trainer) -> dict[str, Any]:
    assert trainer.pruner is not None
    data = trainer.data
    return {
        "data": {
            "name": data.name,
            "classes": list(data.classes),
            "clip": list(data.shape),
            "train": data.train_size,
            "test": data.test_size,
            "skipped": list(data.skipped),
        },
        "recipe": dict(trainer.recipe.to_dict()),
        "prune": trainer.config.to_dict() if trainer.config else None,
        "accuracy": trainer.accuracy,
        "pruned": trainer.pruner.report().to_dict(),
        "epochs": [asdict(epoch) for epoch in trainer.epochs],
        "seconds": sum(epoch.seconds for epoch in trainer.epochs),
        "machine": {
            "device": _device(trainer.world.device),
            "processes": trainer.world.size,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"


def _export(trainer: Trainer, path: Path) -> None:
    model = in_format(trainer.model.cpu(), torch.contiguous_format).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export's own deprecation notes are not the user's business
        try:
            program = torch.export.export(model, (torch.zeros(1, *trainer.data.shape),), strict=False)
        except Exception as error:  # torch raises anything here; what it says is all there is
            said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise TrainingError(f"torch.export cannot take this model, so there is no {path.name}: {said}") from error
        with path.open("wb") as file:
            torch.export.save(program, file)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    try:
        with replacing(path) as new:
            write(new)
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error.strerror}") from None


def _plain(value: object) -> object:
    """What json does not know: numbers and arrays of numpy."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} in a report")
