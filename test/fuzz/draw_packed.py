"""How hypothesis draws what is packed: convs, pools, branches. All fit the shape that they are drawn for."""

from collections.abc import Sequence

from fuzz.activations import ACTIVATIONS
from fuzz.base import Op, Shape, Sizes
from fuzz.convs import Conv
from fuzz.joins import Join, Pool
from hypothesis import strategies as st

#: The simplest first in all lists: that is where hypothesis shrinks to.
KERNELS = [
    *((1, 1, 1), (1, 1, 3), (1, 3, 3), (3, 1, 1), (3, 3, 3), (2, 2, 2), (1, 2, 3)),
    *((2, 1, 1), (1, 5, 5), (5, 1, 1), (3, 3, 1), (1, 7, 7), (3, 7, 7)),
]
CHANNELS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16, 17, 20]
#: 1e-9 of a layer's groups is one tap (`numerics.draw`).
DENSITIES = [1.0, 0.5, 0.25, 1e-9, 0.0]
EXACT_ACTIVATIONS = ["", "relu", "relu", "relu6"]


@st.composite
def convs(draw: st.DrawFn, shape: Shape, exact: bool, filters: int | None = None, same: bool = False) -> Conv:
    """`filters`: that many. `same`: the output has the input's size."""
    channels, sizes = shape[1], shape[2:]
    rank = len(sizes)
    kernel, dilation = list(draw(st.sampled_from(KERNELS)))[3 - rank :], some(draw, rank, [1, 1, 1, 1, 1, 2, 3])
    how = "same" if same else draw(st.sampled_from(["none", "same", "asymmetric"]))
    padding = []
    for axis, size in enumerate(sizes):
        reach = dilation[axis] * (kernel[axis] - 1)
        low, high = {"none": (0, 0), "same": (reach // 2, (reach + same) // 2)}.get(how) or (
            draw(st.integers(0, 2)),
            draw(st.integers(0, 3)),
        )
        if reach >= size + low + high:
            kernel[axis], dilation[axis] = min(kernel[axis], size + low + high), 1
        padding.append((low, high))
    groups, filters = grouping(draw, channels, filters)
    return Conv(
        filters,
        tuple(kernel),
        () if same else unless_ones(some(draw, rank, [1, 1, 1, 2])),
        unless_ones(dilation),
        tuple(padding) if any(map(any, padding)) else (),
        groups,
        draw(st.booleans()),
        False if exact else draw(st.sampled_from([False, True])),
        draw(st.sampled_from(EXACT_ACTIVATIONS if exact else ["", "relu", *ACTIVATIONS])),
        draw(st.sampled_from([1.0, *DENSITIES])),
    )


def grouping(draw: st.DrawFn, channels: int, filters: int | None) -> tuple[int, int]:
    """(groups, filters): none, two or more, or one a channel, where these divide both."""
    groups = draw(st.sampled_from([1, 1, 1, *(g for g in range(2, channels) if channels % g == 0), channels]))
    if filters is not None:
        return (1 if filters % groups else groups), filters
    return groups, draw(st.sampled_from(CHANNELS if groups == 1 else range(groups, max(groups, 20) + 1, groups)))


@st.composite
def pools(draw: st.DrawFn, shape: Shape, exact: bool, same: bool = False) -> Pool:
    """Exact averages are those of windows of a power of two."""
    sizes = shape[2:]
    kind = draw(st.sampled_from(["max", "avg", *([] if same or exact else ["adaptive"])]))
    if kind == "adaptive":
        whole = draw(st.booleans())
        return Pool(kind, tuple(1 if whole else draw(st.integers(1, size)) for size in sizes))
    if same:
        most = 1 if kind == "avg" and exact else 3
        kernel = tuple(draw(st.sampled_from([1, 3])) if size >= 3 == most else 1 for size in sizes)
        return Pool(kind, kernel, (1,) * len(sizes), tuple(k // 2 for k in kernel), include_pad=draw(st.booleans()))
    kernel = tuple(draw(st.integers(1, min(size, 2 if kind == "avg" and exact else 3))) for size in sizes)
    return Pool(
        kind,
        kernel,
        tuple(some(draw, len(sizes), [1, 2])),
        tuple(draw(st.integers(0, k // 2)) for k in kernel),
        draw(st.booleans()),
        draw(st.booleans()) if kind == "avg" else True,
    )


@st.composite
def joins(draw: st.DrawFn, shape: Shape, exact: bool) -> Join:
    """Residual blocks, and Inception's: branches of up to two layers that keep the size."""
    kind = draw(st.sampled_from(["add", "cat"]))
    filters = draw(st.sampled_from([shape[1], shape[1], *CHANNELS])) if kind == "add" else None
    branches = [
        draw(_branches(shape, exact, filters)) for _ in range(2 if filters else draw(st.sampled_from([2, 2, 2, 3])))
    ]
    return Join(kind, tuple(branches), draw(st.sampled_from(["", "relu"])))


@st.composite
def _branches(draw: st.DrawFn, shape: Shape, exact: bool, filters: int | None) -> tuple[Op, ...]:
    """Up to two layers; `filters`: so many channels come out."""
    ops: list[Op] = []
    if draw(st.sampled_from([False, False, True])):
        ops.append(draw(st.one_of(convs(shape, exact, same=True), pools(shape, exact, same=True))))
        shape = ops[0].after(shape)
    if filters not in (None, shape[1]) or draw(st.booleans()):
        ops.append(draw(convs(shape, exact, filters, same=True)))
    return tuple(ops)


def some(draw: st.DrawFn, count: int, choices: list[int]) -> list[int]:
    return [draw(st.sampled_from(choices)) for _ in range(count)]


def unless_ones(sizes: Sequence[int]) -> Sizes:
    return tuple(sizes) if any(size != 1 for size in sizes) else ()
