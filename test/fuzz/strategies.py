"""How hypothesis draws networks. All fit: each op is drawn for the shape that the ones before it leave."""

from dataclasses import replace

from fuzz.base import Op, Shape
from fuzz.convs import Conv, Frames, Linear
from fuzz.draw_packed import CHANNELS, DENSITIES, convs, joins, pools
from fuzz.draw_wide import meetings, wide_ops
from fuzz.joins import Gate, Squeeze
from fuzz.nets import Net
from hypothesis import strategies as st

GROUPS = ["4x4", "8x4", "16x4", "32x4", "8x8", "4x8", "2x2", "6x4", "5x3", "1x4", "4x1", "16x1", "1x1"]
#: Those of channel blocks of 4, which GPU kernels take.
GPU_GROUPS = ["4x4", "8x4", "16x4", "32x4", "12x4", "4x8"]
#: Of weights and inputs: small integers; ones, on a block of ones; normal ones. The first two for nets that are exact.
KINDS = ["integers", "ones", "random"]
WHOLE = ["uint8", "int8", "int32", "int64", "bool"]


@st.composite
def nets(draw: st.DrawFn) -> Net:
    """Half of them `packed_nets`, half of them `wide_nets`."""
    seed = draw(st.integers(0, 999))  # first: hypothesis never takes the first example's first number again
    wide = draw(st.booleans())
    kind = draw(st.sampled_from([*KINDS, "random"] if wide else KINDS))
    net = draw(wide_nets(kind) if wide else packed_nets(kind))
    return replace(_kept(net), kind=kind, group=draw(st.sampled_from(GROUPS)), seed=seed)


@st.composite
def packed_nets(draw: st.DrawFn, kind: str) -> Net:
    """Networks of one to three ops, the first of them a conv, with a linear layer or without."""
    exact = kind != "random"
    first = shape = draw(_shapes([3, 3, 3, 2]))
    ops: list[Op] = []
    for i in range(draw(st.sampled_from([1, 1, 2, 2, 3]))):
        ops.append(draw(_ops(shape, exact) if i else convs(shape, exact)))
        shape = ops[-1].after(shape)
    if draw(st.sampled_from([False, False, False, True])):
        ops.append(draw(_linears()))
    return Net(first, tuple(ops), draw(st.sampled_from([None, None, *range(len(ops) - 1)])))


@st.composite
def wide_nets(draw: st.DrawFn, kind: str) -> Net:
    """Networks of up to five ops of all kinds, one of them a conv; more inputs, other types."""
    exact = kind != "random"
    first = shape = draw(_shapes([3, 3, 3, 2, 1]))
    count = draw(st.sampled_from([2, 2, 3, 3, 4]))
    at, meeting = draw(st.integers(0, count - 1)), draw(st.sampled_from([0, 0, 0, 1, 2]))
    ops: list[Op] = []
    for i in range(count):
        if i == at:
            ops.append(draw(convs(shape, exact)))
        else:
            own = _ops(shape, exact) if len(shape) > 3 else convs(shape, exact)
            ops.append(draw(st.one_of(own, *[wide_ops(shape, exact)] * 3)))
        shape = ops[-1].after(shape)
        if count - i <= meeting:
            ops.append(draw(meetings(shape, exact)))
            shape = ops[-1].after(shape)
    if draw(st.sampled_from([False] * 5 + [True])):
        ops.append(draw(_linears()))
    takes = draw(st.sampled_from(["float32"] * 5 + WHOLE + ([] if exact else ["float16", "float64"])))
    gives = draw(st.sampled_from(["", "", "", "total", "none", *(["argmax", "positive"] if exact else [])]))
    also = draw(st.sampled_from([None, None, *range(len(ops) - 1)]))
    return Net(first, tuple(ops), also, takes=takes, casts=takes in WHOLE and draw(st.booleans()), gives=gives)


@st.composite
def _shapes(draw: st.DrawFn, ranks: list[int]) -> Shape:
    """N x C x positions."""
    rank = draw(st.sampled_from(ranks))
    sizes = [draw(st.integers(1, most)) for most in (5, 8, 10)[3 - rank :]]
    return (draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from(CHANNELS)), *sizes)


def _linears() -> st.SearchStrategy[Linear]:
    return st.builds(Linear, st.sampled_from([5, 1, 8, 0]), st.booleans(), st.sampled_from(DENSITIES[:4]))


def _kept(net: Net) -> Net:
    """The net with some conv that is kept: the first one, where none is."""
    if any(op.density for op in net.walk() if isinstance(op, Conv)):
        return net
    at, first = next((i, op) for i, op in enumerate(net.ops) if isinstance(op, Conv))
    return replace(net, ops=(*net.ops[:at], replace(first, density=1.0), *net.ops[at + 1 :]))


def _ops(shape: Shape, exact: bool) -> st.SearchStrategy[Op]:
    choices: list[st.SearchStrategy[Op]] = [
        *(convs(shape, exact), convs(shape, exact)),
        *(pools(shape, exact), pools(shape, exact), joins(shape, exact)),
    ]
    if not exact:
        choices.append(st.builds(Gate, st.sampled_from([1, 2, 4, 5]), st.booleans()))
    if len(shape) == 5:
        choices.append(convs((shape[0], shape[1], *shape[3:]), exact).map(Frames))
        if shape[2] == 1:
            choices.append(st.just(Squeeze()))
    return st.one_of(choices)
