"""The tables of register tiles that rt3d-mlir-tune writes, one for each cpu."""

import json
import os
from pathlib import Path

from rt3d_mlir.errors import TargetError


def read_tiles(path: Path) -> dict[str, tuple[int, int]]:
    """A table that rt3d-mlir-tune wrote; empty where there is none. Raises TargetError for a damaged one."""
    if not path.is_file():
        return {}
    try:
        return {
            key: (int(rows), int(columns)) for key, (rows, columns) in json.loads(path.read_text())["tiles"].items()
        }
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise TargetError(f"{path} is no table of rt3d-mlir-tune ({error!r}): remove it, or tune again") from None


def tiles_path(cpu: str) -> Path:
    """Where rt3d-mlir-tune leaves the table of a cpu, and its presets find it: in the user's data (XDG_DATA_HOME)."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data, "rt3d_mlir", "tiles", f"{cpu}.json")
