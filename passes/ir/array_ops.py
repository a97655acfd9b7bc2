"""Ops over whole tensors, in numpy: what moves numbers to other places, and products of matrices."""

from collections.abc import Callable
from dataclasses import dataclass

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.passes.ir.match import integers, pad_amounts


@dataclass(frozen=True)
class ArrayOp:
    """Computes an op from the arrays of its first `sources` operands (None: of all); None where it cannot."""

    compute: Callable[..., np.ndarray | None]
    sources: int | None = 1


def _reshape(op: ir.OpView, source: np.ndarray) -> np.ndarray:
    return source.reshape(op.results[0].type.shape)


def _transpose(op: ir.OpView, source: np.ndarray) -> np.ndarray:
    return source.transpose(integers(op.attributes["permutation"]))


def _broadcast(op: ir.OpView, source: np.ndarray) -> np.ndarray:
    expanded = np.expand_dims(source, tuple(integers(op.attributes["dimensions"])))
    return np.broadcast_to(expanded, op.results[0].type.shape)


def _cut(op: ir.OpView) -> tuple[slice, ...]:
    places = (integers(op.attributes[f"static_{what}"]) for what in ("offsets", "sizes", "strides"))
    return tuple(slice(start, start + (size - 1) * step + 1, step) for start, size, step in zip(*places, strict=True))


def _slice(op: ir.OpView, source: np.ndarray) -> np.ndarray | None:
    """As of nets that cut one parameter into the weights of several convs. None where the place is not static."""
    return source[_cut(op)].reshape(op.results[0].type.shape) if len(op.operands) == 1 else None


def _insert(op: ir.OpView, part: np.ndarray, whole: np.ndarray) -> np.ndarray | None:
    if len(op.operands) > 2:
        return None
    result = whole.copy()
    result[_cut(op)] = part.reshape(result[_cut(op)].shape)
    return result


def _pad(op: ir.OpView, source: np.ndarray) -> np.ndarray | None:
    pad = pad_amounts(op)
    return pad and np.pad(source, list(zip(pad.low, pad.high, strict=True)), constant_values=pad.value)


def _concat(op: ir.OpView, *parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, op.attributes["dim"].value)


def _product(op: ir.OpView, a: np.ndarray, b: np.ndarray, start: np.ndarray) -> np.ndarray | None:
    """A named product whose operands are in the order of its name."""
    if "indexing_maps" in op.attributes and not _is_plain(op):
        return None
    return (np.matmul(a.astype(np.float64), b) + start).astype(start.dtype)


def _is_plain(op: ir.OpView) -> bool:
    """Whether the maps of a matmul are those of [M, K] times [K, N], with or without a batch in front."""
    maps = [ir.AffineMapAttr(attribute).value.results for attribute in op.attributes["indexing_maps"]]
    written = [" ".join(str(axis) for axis in results) for results in maps]
    return written in (["d0 d2", "d2 d1", "d0 d1"], ["d0 d1 d3", "d0 d3 d2", "d0 d1 d2"])


_PRODUCTS = ("linalg.matmul", "linalg.batch_matmul", "linalg.matvec", "linalg.vecmat", "linalg.dot")
#: By the name of an op.
ARRAY_OPS = {
    **dict.fromkeys(_PRODUCTS, ArrayOp(_product, 3)),
    "tensor.expand_shape": ArrayOp(_reshape),
    "tensor.collapse_shape": ArrayOp(_reshape),
    "linalg.transpose": ArrayOp(_transpose),
    "linalg.broadcast": ArrayOp(_broadcast),
    "tensor.extract_slice": ArrayOp(_slice),
    "tensor.insert_slice": ArrayOp(_insert, 2),
    "tensor.pad": ArrayOp(_pad),
    "tensor.concat": ArrayOp(_concat, None),
}
