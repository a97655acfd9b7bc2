"""How far answers may be from the golden ones, and how far they are."""

import numpy as np

#: What a module may differ from its golden output by, in shares of that output's range, by the manifest's dtype. An f16
#: layer rounds its inputs, weights and chunks of sums to 11 bits: 1e-3 to 2e-3 of its range, and layers add up. A bf16
#: layer rounds inputs and weights to 8 bits.
GOLDEN_LIMITS = {"f32": 1e-4, "f16": 2e-2, "bf16": 5e-2}
#: Two roundings of an output that is float16 itself: of ours and of the reference's.
_HALF_OUTPUT = 2e-3


def golden_limit(dtype: str, wanted: np.ndarray) -> float:
    """The error that a module of a manifest's dtype may have in an output."""
    return max(GOLDEN_LIMITS[dtype], _HALF_OUTPUT if wanted.dtype == np.float16 else 0.0)


def golden_error(seen: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference in shares of the wanted output's range; infinite for another shape.

    NaNs and infinities have to be where they are wanted. Of whole numbers and truth values it is the share of those
    that differ: one that decides between numbers which are nearly equal may.
    """
    if seen.shape != wanted.shape:
        return np.inf
    if wanted.dtype.kind != "f":
        return float(np.mean(seen != wanted)) if wanted.size else 0.0
    finite = np.isfinite(wanted)
    if not np.array_equal(seen[~finite], wanted[~finite], equal_nan=True):
        return np.inf
    with np.errstate(invalid="ignore"):
        differences = np.abs(seen[finite].astype(np.float64) - wanted[finite])
    largest = float(differences.max(initial=0.0) / golden_range(wanted))
    return np.inf if np.isnan(largest) else largest


def golden_range(wanted: np.ndarray) -> float:
    """Largest minus smallest finite number of an output; where all are one number its amount, or 1 if that is zero."""
    finite = wanted[np.isfinite(wanted)].astype(np.float64)
    return float(np.ptp(finite) or abs(finite[0])) or 1.0 if finite.size else 1.0
