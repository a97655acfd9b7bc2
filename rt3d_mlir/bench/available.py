"""What an engine needs that may not be here."""

import importlib
from typing import Any

from rt3d_mlir.errors import Rt3dError


class UnavailableError(Rt3dError):
    """An engine cannot run this case here; the message is the reason that the report states."""


def require(module: str, package: str) -> Any:
    """The imported module of an optional package. Raises UnavailableError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UnavailableError(f"{package} cannot be imported ({error}): pip install 'rt3d-mlir[bench]'") from None
