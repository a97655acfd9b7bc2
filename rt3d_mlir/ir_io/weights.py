"""The side table of constants: every large tensor lives here, by name, while passes rewrite the IR.

MLIR's Python bindings can create `dense_resource` constants but not read them, and copying 300 MB of weights
through each pass would be waste. So the IR only holds handles, `dense_resource<conv2.weight>` without a blob, and
the numbers stay in numpy. :mod:`rt3d_mlir.ir_io.mlir_io` joins the two when a module is written.
"""

from collections.abc import Iterator, Mapping

import iree.compiler.ir as ir
import ml_dtypes
import numpy as np

#: Constants of at most this many elements that are no parameter are written inline, `dense<[...]>`: they read better
#: than handles. What comes from a parameter keeps its name, whatever its size: reports and masks go by it.
INLINE_ELEMENTS = 64

#: MLIR's element types by numpy's names of what a constant, an input or an output may hold.
ELEMENT_TYPES = {
    "float32": "f32",
    "float16": "f16",
    "float64": "f64",
    "uint8": "i8",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "bool": "i1",
}
#: numpy has no bf16 of its own.
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


class WeightTable:
    """Named numpy arrays and, for derived ones, the parameter they came from.

    >>> table = WeightTable()
    >>> table.add("conv2.weight", w)
    'conv2.weight'
    >>> table.add("conv2.weight.packed", packed, origin="conv2.weight")
    'conv2.weight.packed'
    >>> table.origin("conv2.weight.packed")
    'conv2.weight'
    """

    def __init__(self, arrays: Mapping[str, np.ndarray] | None = None) -> None:
        self._arrays: dict[str, np.ndarray] = dict(arrays or {})
        self._origins: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def add(self, name: str, array: np.ndarray, origin: str | None = None) -> str:
        """Adds an array under `name`, made unique if taken; returns the name used."""
        unique, n = name, 1
        while unique in self._arrays:
            unique, n = f"{name}.{n}", n + 1
        self._arrays[unique] = array
        if origin is not None:
            self._origins[unique] = self.origin(origin)
        return unique

    def origin(self, name: str) -> str:
        """The parameter that `name` was derived from, or `name` itself."""
        return self._origins.get(name, name)

    def attribute(self, name: str, array: np.ndarray, origin: str | None = None) -> ir.Attribute:
        """An elements attribute for `array`: inline if small and of no parameter, else a handle to a new entry."""
        if origin is None and array.size <= INLINE_ELEMENTS and array.dtype != BFLOAT16:
            return ir.DenseElementsAttr.get(np.ascontiguousarray(array), type=element_type(array.dtype))
        return self.handle(name, array, origin)

    def handle(self, name: str, array: np.ndarray, origin: str | None = None) -> ir.Attribute:
        """A handle to a new table entry. Where the context has one of that name already, as that of another module
        that was rewritten in it, MLIR adds a number to the name, and the entry has the name that MLIR gave."""
        key = self.add(name, array, origin)
        attribute = ir.Attribute.parse(f'dense_resource<"{key}"> : {tensor_type(array)}')
        given = resource_key(attribute)
        if given is not None and given != key:
            self._arrays[given] = self._arrays.pop(key)
            self._origins[given] = self._origins.pop(key, key)
        return attribute

    def read(self, attribute: ir.Attribute) -> tuple[np.ndarray, str | None] | None:
        """The array behind an elements attribute and its name in the table (None if inline).

        Returns None where the attribute is no tensor constant or its numbers are not at hand.
        """
        key = resource_key(attribute)
        if key is not None:
            return (self._arrays[key], key) if key in self._arrays else None
        if isinstance(attribute, ir.DenseElementsAttr):
            return np.array(ir.DenseElementsAttr(attribute)), None
        return None


def resource_key(attribute: ir.Attribute) -> str | None:
    """`conv2.weight` of `dense_resource<conv2.weight> : tensor<...>`; None for any other attribute."""
    if not str(attribute.type).startswith("tensor") or isinstance(attribute, ir.DenseElementsAttr):
        return None
    text = str(attribute)
    if not text.startswith("dense_resource<"):
        return None
    return text[len("dense_resource<") : text.rindex("> : tensor")].strip('"')


def element_type(dtype: np.dtype) -> ir.Type:
    """The MLIR scalar type of a numpy dtype."""
    return ir.Type.parse("bf16" if dtype == BFLOAT16 else ELEMENT_TYPES[np.dtype(dtype).name])


def tensor_type(array: np.ndarray) -> ir.RankedTensorType:
    """The MLIR tensor type of a numpy array."""
    return ir.RankedTensorType.get(list(array.shape), element_type(array.dtype))
