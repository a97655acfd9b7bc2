"""Every error a user can cause. A message says what was seen, what was expected and what to do.

The console tools catch :class:`Rt3dError`, print its message on stderr and exit 1; anything else that
escapes is a bug of ours and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class Rt3dError(Exception):
    """Base of all expected errors."""


class ModelError(Rt3dError):
    """The model cannot be found, read or exported."""


class WeightError(Rt3dError):
    """A weights file is missing, damaged, or does not fit the model."""


class MaskError(Rt3dError):
    """A mask does not fit the weights it is for."""


class ConfigError(Rt3dError):
    """A configuration names unknown keys or contradicts itself."""


class TargetError(Rt3dError):
    """The target preset does not exist or cannot do what was asked."""


class PassError(Rt3dError):
    """A pass pipeline is malformed, or a pass left IR that does not verify."""


class CompileError(Rt3dError):
    """iree-compile failed."""


class ArtifactError(Rt3dError):
    """An artifact folder is missing, incomplete, damaged, or in the way."""


class DeviceError(Rt3dError):
    """The device that a module is to run on is missing, or cannot run it."""


class PhoneRuntimeError(Rt3dError):
    """The programs that run modules on a phone are missing, cannot be made, or are for another machine."""


class InputError(Rt3dError):
    """An input tensor or video does not fit the compiled entry function."""


class DataError(Rt3dError):
    """Training data is missing, damaged, or of no use to a classifier."""


class TrainingError(Rt3dError):
    """Training diverged, or a checkpoint is missing, damaged or of another run."""


class PruneError(Rt3dError):
    """A pruner is called out of order, or its saved state is of another run."""


class VersionError(Rt3dError):
    """Two tools that must have the same version do not."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
