"""How far two answers are from each other."""

import numpy as np
import pytest

from rt3d_mlir.runtime.golden import golden_error, golden_limit

WANTED = np.array([0.0, 1.0, 4.0], np.float32)
NAN = np.array([np.nan, np.inf, 4.0, 0.0], np.float32)


@pytest.mark.parametrize(
    ("seen", "wanted", "error"),
    [
        (WANTED, WANTED, 0),
        (np.array([0.0, 2.0, 4.0], np.float32), WANTED, 0.25),
        (WANTED[:2], WANTED, np.inf),
        (np.array([0.0, np.nan, 4.0], np.float32), WANTED, np.inf),
        (np.array([0.0, np.inf, 4.0], np.float32), WANTED, np.inf),
        (NAN, NAN, 0),
        (NAN + np.float32(1), NAN, 0.25),
        (-NAN, NAN, np.inf),  # the other infinity
        (WANTED, np.full(3, np.nan, np.float32), np.inf),
        (np.float32(-375), np.float32(-300), 0.25),
        (np.full(3, 375, np.float32), np.full(3, 300, np.float32), 0.25),
        (np.full(3, 0.5, np.float32), np.zeros(3, np.float32), 0.5),
        (np.array([True, False]), np.array([True, True]), 0.5),
        (np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]), 0.25),
        (np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), 0),
    ],
)
def test_errors(seen: np.ndarray, wanted: np.ndarray, error: float):
    assert golden_error(np.asarray(seen), np.asarray(wanted)) == pytest.approx(error)


def test_an_output_of_float16_is_rounded_twice():
    assert golden_limit("f32", WANTED) == 1e-4
    assert golden_limit("f32", WANTED.astype(np.float16)) == 2e-3
    assert golden_limit("f16", WANTED.astype(np.float16)) == 2e-2
