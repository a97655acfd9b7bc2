"""What a layer's kernel is called, in the IR, in a profile and in assembly; needs no compiler."""

import re


def symbol_of(layer: str) -> str:
    """What a kernel for `layer` is called; where a module has that name already, a number follows."""
    base = re.sub(r"[^A-Za-z0-9_]", "_", layer)
    return base if re.match(r"[A-Za-z_]", base) else f"layer_{base}"
