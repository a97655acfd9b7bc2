"""How hypothesis draws what other people's networks have beside convs and pools. All fit a given shape."""

import math

from fuzz.activations import ACTIVATIONS, OTHERS, Act
from fuzz.base import Op, Shape
from fuzz.convs import Transposed, WeightNorm
from fuzz.draw_packed import CHANNELS, EXACT_ACTIVATIONS, convs, some, unless_ones
from fuzz.joins import Join
from fuzz.moves import Flip, Literal, Pad, Pick, PixelShuffle, Resize, Roll, Shift, Shuffle, Slice
from fuzz.nets import Meet
from fuzz.norms import Attention, Norm
from hypothesis import strategies as st

#: Numbers of a tensor that is still small; what makes larger ones is drawn for smaller ones only.
SMALL = 2000
#: Positions that a norm needs for a spread that is more than rounding.
SEVERAL = 4
#: Of literals and pads, exact in float16.
NUMBERS = [0.0, 1.0, 2.0, -1.0, 3.0, -2.0, 0.5]


def wide_ops(shape: Shape, exact: bool) -> st.SearchStrategy[Op]:
    """An op that is most often left to IREE. `exact`: one that whole numbers stay whole numbers in."""
    choices = [*moves(shape), literals(), transposed(shape, exact), same_size(shape, exact), joined(shape, exact)]
    if not exact:
        choices += [
            norms(shape),
            norms(shape),
            activations(),
            convs(shape, exact).map(WeightNorm),
            resizes(shape, True),
        ]
        if 1 < math.prod(shape[2:]) <= SMALL // 8:
            choices.append(attentions(shape))
    return st.one_of(choices)


def moves(shape: Shape) -> list[st.SearchStrategy[Op]]:
    """Those that only move numbers."""
    channels = shape[1]
    found = [pads(shape), slices(shape), picks(shape), flips(shape), rolls(shape), resizes(shape, False)]
    shuffles = [g for g in range(2, channels) if channels % g == 0]
    if shuffles:
        found.append(st.sampled_from(shuffles).map(Shuffle))
    steps = [(1, 2), (2, 1), (2, 2), (3,), (2,), (2, 2, 2), (1, 2, 2), (2, 1, 3)]
    fitting = [each for each in steps if len(each) == len(shape) - 2 and channels % math.prod(each) == 0]
    if fitting:
        found.append(st.builds(PixelShuffle, st.sampled_from(fitting), st.booleans()))
    longer = [axis for axis in range(2, len(shape)) if shape[axis] > 1]
    if channels > 1 and longer:
        found.append(st.builds(Shift, st.integers(1, channels - 1), st.sampled_from(longer)))
    return found


@st.composite
def transposed(draw: st.DrawFn, shape: Shape, exact: bool) -> Transposed:
    """Some output padding where the stride or the dilation leaves room for it."""
    channels, rank = shape[1], len(shape) - 2
    large = math.prod(shape) > SMALL
    kernel = some(draw, rank, [1, 2, 3] if large else [2, 1, 3, 4])
    stride, dilation = some(draw, rank, [1] if large else [2, 1, 3]), some(draw, rank, [1, 1, 1, 2])
    more = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    padding = []
    for axis, size in enumerate(shape[2:]):
        full = (size - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + more[axis] + 1
        padding.append(draw(st.integers(0, min(2, (full - 1) // 2))))
    groups = draw(st.sampled_from([1, 1, *(g for g in range(2, channels + 1) if channels % g == 0)]))
    return Transposed(
        draw(st.sampled_from(CHANNELS if groups == 1 else range(groups, max(groups, 12) + 1, groups))),
        tuple(kernel),
        *map(unless_ones, (stride,)),
        tuple(padding) if any(padding) else (),
        tuple(more) if any(more) else (),
        unless_ones(dilation),
        groups,
        draw(st.booleans()),
        draw(st.sampled_from(EXACT_ACTIVATIONS if exact else ["", "relu", *ACTIVATIONS])),
        draw(st.booleans()) and not exact,
    )


@st.composite
def norms(draw: st.DrawFn, shape: Shape) -> Norm:
    """A batch norm where a spread would be rounding alone."""
    positions, channels = math.prod(shape[2:]), shape[1]
    kinds = ["batch", *(["instance", "group", "planes"] if positions >= SEVERAL else [])]
    kind = draw(st.sampled_from([*kinds, *(["layer", "rms"] if channels > 1 else [])]))
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0])) if kind == "group" else 1
    return Norm(kind, draw(st.booleans()), groups)


def activations() -> st.SearchStrategy[Op]:
    return st.sampled_from([*OTHERS, "prelu-channels", *list(ACTIVATIONS)[1:]]).map(Act)


def attentions(shape: Shape) -> st.SearchStrategy[Op]:
    heads = [h for h in range(1, shape[1] + 1) if shape[1] % h == 0]
    return st.builds(Attention, st.sampled_from(heads), st.booleans(), st.booleans())


@st.composite
def literals(draw: st.DrawFn) -> Literal:
    kind = draw(st.sampled_from(["times", "plus", "most", "least", "where"]))
    return Literal(kind, tuple(draw(st.lists(st.sampled_from(NUMBERS[:-1]), min_size=1, max_size=5))))


@st.composite
def pads(draw: st.DrawFn, shape: Shape) -> Pad:
    """Constant ones may crop; reflected ones are shorter than the axis, circular ones no longer."""
    mode = draw(st.sampled_from(["constant", "constant", "replicate", "reflect", "circular"]))
    sizes = []
    for size in shape[2:]:
        most = {"reflect": size - 1, "circular": size}.get(mode, 3)
        least = -1 if mode == "constant" and size > 2 else 0
        sizes.append((draw(st.integers(least, min(2, most))), draw(st.integers(least, min(3, most)))))
    value = draw(st.sampled_from([*NUMBERS, 3.25])) if mode == "constant" else 0.0
    return Pad(mode, tuple(sizes), value)


@st.composite
def slices(draw: st.DrawFn, shape: Shape) -> Slice:
    ranges = []
    for size in shape[1:]:
        first = draw(st.sampled_from([0, 0, *range(size)]))
        ranges.append((first, draw(st.integers(first + 1, size)), draw(st.sampled_from([1, 1, 2, 3]))))
    return Slice(tuple(ranges))


@st.composite
def picks(draw: st.DrawFn, shape: Shape) -> Pick:
    axis = draw(st.integers(1, len(shape) - 1))
    indices = draw(st.lists(st.integers(0, shape[axis] - 1), min_size=1, max_size=min(9, shape[axis] + 2)))
    return Pick(axis, tuple(indices), draw(st.booleans()))


def flips(shape: Shape) -> st.SearchStrategy[Op]:
    axes = st.lists(st.integers(1, len(shape) - 1), min_size=1, max_size=3, unique=True)
    return axes.map(lambda found: Flip(tuple(found)))


@st.composite
def rolls(draw: st.DrawFn, shape: Shape) -> Roll:
    axes = draw(st.lists(st.integers(1, len(shape) - 1), min_size=1, max_size=3, unique=True))
    return Roll(tuple(axes), tuple(draw(st.integers(-shape[axis], shape[axis])) for axis in axes))


@st.composite
def resizes(draw: st.DrawFn, shape: Shape, between: bool) -> Resize:
    """`between`: by numbers between positions, else the nearest."""
    mode, corners = ("linear", draw(st.booleans())) if between else ("nearest", False)
    if math.prod(shape) <= SMALL and draw(st.booleans()):
        return Resize(mode, (), corners, draw(st.sampled_from([2.0, 1.5, 3.0])))
    most = 3 if math.prod(shape) <= SMALL else 0
    return Resize(mode, tuple(draw(st.integers(1, size + most)) for size in shape[2:]), corners)


def same_size(shape: Shape, exact: bool) -> st.SearchStrategy[Op]:
    """Ops that keep the size, which a branch may be."""
    choices = [literals(), flips(shape), rolls(shape)]
    return st.one_of(choices if exact else [*choices, norms(shape), activations()])


@st.composite
def joined(draw: st.DrawFn, shape: Shape, exact: bool) -> Join:
    """Branches of other ops and convs; what is concatenated is any number of channels."""
    kind = draw(st.sampled_from(["cat", "add", "mul"]))
    branches: list[tuple[Op, ...]] = [()]
    for _ in range(1 if kind != "cat" else draw(st.sampled_from([1, 2]))):
        own: list[Op] = [draw(same_size(shape, exact))] if draw(st.booleans()) else []
        filters = None if kind == "cat" else shape[1]
        own += [draw(convs(shape, exact, filters, same=True))] if not own or draw(st.booleans()) else []
        branches.append(tuple(own))
    order = branches if draw(st.booleans()) else branches[::-1]
    return Join(kind, tuple(order), draw(st.sampled_from(["", "relu"])))


@st.composite
def meetings(draw: st.DrawFn, shape: Shape, exact: bool) -> Meet:
    """Another input. Products of two inputs grow fast, so an exact one is a mask or a sum."""
    kind = draw(st.sampled_from(["add", "cat", "mask", *([] if exact else ["mul"])]))
    takes = "bool" if kind == "mask" else draw(st.sampled_from(["float32", "float32", "uint8", "int64"]))
    return Meet(kind, draw(st.sampled_from([1, 3, 4, 5, 8])) if kind == "cat" else 0, takes)
