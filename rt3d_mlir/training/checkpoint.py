"""The folder of a run: a checkpoint while it lasts, and what comes out of it."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rt3d_mlir.errors import TrainingError
from rt3d_mlir.files import replacing

_FORMAT = "rt3d-prune-1"
CHECKPOINT = "checkpoint.pt"


class RunFolder:
    """Writes and reads the checkpoint of the run that `identity` describes, a tree of plain values.

    A checkpoint holds tensors and plain values only, and is read as such (weights_only); it comes under a temporary
    name and replaces the last one when it is complete.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]):
        self.path, self.identity = path, identity

    def create(self, replace: bool = False) -> None:
        """Makes the folder. Raises TrainingError where it holds a run already, unless that is to be replaced."""
        checkpoint = self.path / CHECKPOINT
        if checkpoint.exists() and not replace:
            raise TrainingError(f"{self.path} holds a run already; --resume continues it, --force starts it anew")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            checkpoint.unlink(missing_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path} cannot be made: {error.strerror}") from None

    def save(self, state: Mapping[str, Any]) -> None:
        """Replaces the checkpoint. Raises TrainingError where that fails; the last one is then still there."""
        try:
            with replacing(self.path / CHECKPOINT) as new:
                torch.save({"format": _FORMAT, "identity": dict(self.identity), "state": dict(state)}, new)
        except (OSError, RuntimeError) as error:
            raise TrainingError(f"{self.path / CHECKPOINT} cannot be written: {error}") from None

    def load(self) -> dict[str, Any]:
        """The state in the checkpoint. Raises TrainingError where there is none, or it is damaged or of another run."""
        path = self.path / CHECKPOINT
        if not path.is_file():
            raise TrainingError(f"{path}: no such file; there is nothing to resume")
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise TrainingError(f"{path} is damaged ({first}); start anew with --force") from None
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise TrainingError(f"{path} is no checkpoint of rt3d-mlir-prune (format {_FORMAT})")
        difference = _difference(found["identity"], dict(self.identity))
        if difference:
            raise TrainingError(
                f"{path} is of another run: {difference}; resume with the same arguments, or use --force"
            )
        return found["state"]


def _difference(seen: Any, wanted: Any, at: str = "") -> str:
    """The first place where two trees differ, in words; empty where they are equal."""
    if isinstance(seen, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(key for key in seen if key not in wanted)]:
            found = _difference(seen.get(key), wanted.get(key), f"{at} {key}".strip())
            if found:
                return found
        return ""
    return "" if seen == wanted else f"{at} is {_shown(seen)} there and {_shown(wanted)} here"


def _shown(value: object) -> str:
    return "missing" if value is None else str(value)[:100]
