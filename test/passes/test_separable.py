"""The algebra of separable maps against dense sums in numpy."""

from collections.abc import Sequence

import numpy as np
import pytest

from rt3d_mlir.passes.ops.separable import Axis, Separable

SIZE = (3, 4, 5)


def drawn(
    rng: np.random.Generator, size: Sequence[int], out: Sequence[int], taps: int = 2, fill: float = 0.0
) -> Separable:
    """Taps at random, some of them at the same position, a single one of weight 1; with a fill, some are outside."""
    axes = []
    for extent, count in zip(size, out, strict=True):
        positions = rng.integers(-1 if fill else 0, extent, (count, taps))
        axes.append(
            Axis.of(extent, positions, np.ones(positions.shape) if taps == 1 else rng.integers(1, 4, positions.shape))
        )
    return Separable(tuple(axes), fill)


def applied(separable: Separable, x: np.ndarray) -> np.ndarray:
    """The map of a volume, as its docstring has it."""
    outside = np.zeros(separable.size, bool)
    for at, axis in enumerate(separable.axes):
        matrix = np.zeros((axis.outputs, axis.size + 1))
        np.put_along_axis(matrix, axis.positions, axis.weights, 1)  # -1 is the last column
        x = np.moveaxis(np.tensordot(matrix[:, :-1], x, (1, at)), 0, at)
        outside |= np.expand_dims(axis.outside, [i for i in range(3) if i != at])
    return np.where(outside, separable.fill, x)


def close(separable: Separable | None, expected: np.ndarray) -> None:
    assert separable is not None
    np.testing.assert_allclose(applied(separable, VOLUME), expected, rtol=1e-12)


VOLUME = np.random.default_rng(0).integers(-5, 6, SIZE).astype(np.float64)


@pytest.mark.parametrize("seed", range(5))
def test_one_behind_another(seed: int):
    rng = np.random.default_rng(seed)
    inner, outer = drawn(rng, SIZE, (4, 3, 6)), drawn(rng, (4, 3, 6), (2, 5, 7), 3)
    close(outer.after(inner), applied(outer, applied(inner, VOLUME)))


@pytest.mark.parametrize(("inner", "outer"), [(2.0, 0.0), (0.0, 2.0), (2.0, 2.0)])
def test_what_is_outside_stays(inner: float, outer: float):
    rng = np.random.default_rng(1)
    first, second = drawn(rng, SIZE, (4, 5, 6), 1, inner), drawn(rng, (4, 5, 6), (7, 7, 7), 1, outer)
    close(second.after(first), applied(second, applied(first, VOLUME)))


def test_two_numbers_outside_are_two_maps():
    rng = np.random.default_rng(1)
    first, second = drawn(rng, SIZE, (9, 9, 9), 1, 2.0), drawn(rng, (9, 9, 9), (9, 9, 9), 1, 3.0)
    assert second.after(first) is None


def test_a_mean_of_what_is_outside_is_no_map():
    rng = np.random.default_rng(1)
    assert drawn(rng, (9, 9, 9), (2, 2, 2)).after(drawn(rng, SIZE, (9, 9, 9), 1, 2.0)) is None


@pytest.mark.parametrize("at", range(3))
def test_sums_that_differ_along_one_axis(at: int):
    rng = np.random.default_rng(at)
    a, b = drawn(rng, SIZE, (4, 4, 4)), drawn(rng, SIZE, (4, 4, 4))
    b = Separable(tuple(b.axes[i] if i == at else a.axes[i].scaled(np.asarray(2.0)) for i in range(3)))
    close(a.plus(b), applied(a, VOLUME) + applied(b, VOLUME))
    nothing = a.scaled(np.zeros((1, 1, 4, 1, 1)))
    assert nothing is not None
    close(a.plus(nothing), applied(a, VOLUME))


def test_sums_that_differ_along_two_axes_are_no_map():
    rng = np.random.default_rng(0)
    a, b = drawn(rng, SIZE, (4, 4, 4)), drawn(rng, SIZE, (4, 4, 4))
    assert a.plus(Separable((a.axes[0], *b.axes[1:]))) is None


def test_opposites_leave_nothing():
    a = drawn(np.random.default_rng(0), SIZE, (4, 4, 4))
    negative = a.scaled(np.asarray(-1.0))
    assert negative is not None
    difference = a.plus(negative)
    assert difference is not None
    assert difference.zero


@pytest.mark.parametrize("shape", [(1,), (6,), (5, 1), (4, 1, 1), (4, 5, 6), (1, 1, 4, 5, 6)])
def test_products_by_position(shape: tuple[int, ...]):
    rng = np.random.default_rng(2)
    a = drawn(rng, SIZE, (4, 5, 6))
    vectors = np.ix_(*(rng.integers(1, 5, extent) for extent in shape))
    factors = np.prod(np.broadcast_arrays(*vectors), axis=0)
    close(a.scaled(factors), applied(a, VOLUME) * factors.reshape((1,) * (3 - len(shape[-3:])) + shape[-3:]))


def test_a_factor_that_is_no_product_or_differs_by_channel_is_no_map():
    a = drawn(np.random.default_rng(2), SIZE, (4, 5, 6))
    assert a.scaled(np.arange(30.0).reshape(5, 6)) is None
    assert a.scaled(np.arange(1.0, 4.0).reshape(1, 3, 1, 1, 1)) is None


def test_parts_side_by_side():
    rng = np.random.default_rng(3)
    a, b = drawn(rng, SIZE, (4, 5, 6), 3), drawn(rng, SIZE, (4, 5, 2), 1)
    part = Separable((*a.axes[:2], b.axes[2]))
    close(Separable.joined([a, part], 2), np.concatenate([applied(a, VOLUME), applied(part, VOLUME)], 2))
    assert Separable.joined([a, b], 2) is None
