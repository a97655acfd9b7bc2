"""The three sparsity patterns of the RT3D paper (AAAI 2021, sec. 3), all written in one mask format.

A mask is a bool array keep[P, Q, Kd, Kh, Kw]: one bit keeps or removes the m x n weights that a kernel group
has at one kernel location. The patterns differ only in which bits must be equal. Take P = 2 rows and Q = 2
columns of groups with three kernel locations (a 3x1x1 kernel), half of the weights removed:

    kgs      every bit is free            row 0:  101 010      row 1:  100 011
    vanilla  a group's bits are equal     row 0:  111 000      row 1:  000 111
    filter   a row's bits are equal       row 0:  111 111      row 1:  000 000

So every filter mask is a vanilla mask, and every vanilla mask is a KGS mask. "filter" removes whole filters,
m at a time, because a row of groups is what the compiled kernels compute together: it is the paper's filter
pruning at the granularity of m filters.
"""

# pyright: strict

from enum import StrEnum

from rt3d_mlir.errors import ConfigError, did_you_mean


class Sparsity(StrEnum):
    """Which bits of a mask must be equal."""

    KGS = "kgs"
    VANILLA = "vanilla"
    FILTER = "filter"

    @classmethod
    def parse(cls, text: str) -> "Sparsity":
        """The pattern called `text`. Raises ConfigError for an unknown name."""
        known = [pattern.value for pattern in cls]
        if text not in known:
            raise ConfigError(f"sparsity {text!r}: expected {', '.join(known)}{did_you_mean(text, known)}")
        return cls(text)
