"""The constants of a module that somebody else wrote: read into the side table, and given back after the passes.

    arith.constant dense_resource<w>             read by printing it: Python's bindings cannot get at the blob
    util.global.load @w = dense<...>             the same, or the attribute itself; passes see a constant in its place
    util.global.load @w = #flow.parameter.named  what the caller gives for this key

Afterwards a constant that no pass took is what it was, a load again where it was one, and what passes computed becomes
constants that hold their numbers. Globals that can change while the module runs are not read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import iree.compiler.ir as ir
import numpy as np

from rt3d_mlir.errors import WeightError
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.ir_io.weights import WeightTable, resource_key
from rt3d_mlir.iree import internals
from rt3d_mlir.passes.framework.base import State
from rt3d_mlir.sparsity import MaskSet, apply_masks

_PARAMETER = re.compile(re.escape(internals.PARAMETER) + r'<(?:"[^"]*"::)?"([^"]*)">')


@dataclass(frozen=True)
class _Global:
    """A global that never changes: its symbol or parameter's key, its loads, and its numbers where they are known."""

    name: str
    loads: list[ir.Operation]
    array: np.ndarray | None


class HostConstants:
    """Reads a module's constants; nothing of it is changed before `take`.

    Raises WeightError for a parameter that the module has in another form, MaskError for masks that do not fit.
    """

    def __init__(self, root: Any, parameters: Mapping[str, np.ndarray], masks: MaskSet | None) -> None:
        self._root = root
        self._resources = _read_resources(root)
        self._globals = _read_globals(root, parameters)
        arrays = dict(self._resources)
        arrays.update({item.name: item.array for item in self._globals if item.array is not None})
        self.arrays = apply_masks(arrays, masks) if masks else arrays
        """By name, masked."""
        self._masked = set(masks.masks) if masks else set()
        self._loads: dict[str, dict[str, ir.Attribute]] = {}

    def take(self) -> WeightTable:
        """The side table of all numbers; loads of globals whose numbers are known become constants."""
        table = WeightTable({name: self.arrays[name] for name in self._resources})
        for item in self._globals:
            if item.array is None:
                continue
            handle = table.handle(item.name, self.arrays[item.name], origin=item.name)
            for load in item.loads:
                if item.name not in self._masked:
                    self._loads[resource_key(handle) or ""] = {at: load.attributes[at] for at in load.attributes}
                _replace(load, "arith.constant", {"value": handle})
        return table

    def give_back(self, state: State) -> None:
        """Gives each handle its numbers, and each constant that no pass took the form it had."""
        for op in mlir_io.resource_constants(self._root):
            load = self._loads.get(resource_key(op.attributes["value"]) or "")
            if load is not None:
                _replace(op.operation, internals.GLOBAL_LOAD, load)
        mlir_io.attach_numbers(self._root, state.weights, keep=set(self._resources) - self._masked)
        for item in self._globals:
            if item.array is None:
                reason = f"its numbers are not in the module; to pack it: parameters={{{item.name!r}: array}}"
                state.refuse("apply", item.name, reason)


def _replace(op: ir.Operation, name: str, attributes: Mapping[str, ir.Attribute]) -> None:
    """Another op without operands in place of one of the same type."""
    with ir.InsertionPoint(op), op.location:
        new = ir.Operation.create(name, [op.result.type], attributes=dict(attributes))
    op.result.replace_all_uses_with(new.result)
    op.erase()


def _read_resources(root: Any) -> dict[str, np.ndarray]:
    handles = {resource_key(op.attributes["value"]): op.attributes["value"] for op in mlir_io.resource_constants(root)}
    arrays = {key: mlir_io.read_elements(handle) for key, handle in handles.items()}
    return {key: array for key, array in arrays.items() if key is not None and array is not None}


def _read_globals(root: Any, parameters: Mapping[str, np.ndarray]) -> list[_Global]:
    """The globals that are loaded and never stored to: those with numbers at hand, and parameters that lack them."""
    loads: dict[str, list[ir.Operation]] = {}
    stored: set[str] = set()

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name in (internals.GLOBAL_LOAD, internals.GLOBAL_STORE):
            symbol = ir.FlatSymbolRefAttr(op.attributes["global"]).value
            if op.name == internals.GLOBAL_STORE:
                stored.add(symbol)
            else:
                loads.setdefault(symbol, []).append(op)
        return ir.WalkResult.ADVANCE

    root.operation.walk(visit)
    found = []
    for op in root.body.operations:
        if op.operation.name != internals.GLOBAL or "initial_value" not in op.attributes:
            continue
        symbol, value = ir.StringAttr(op.attributes["sym_name"]).value, op.attributes["initial_value"]
        if symbol not in loads or symbol in stored or "is_mutable" in op.attributes:
            continue
        if not isinstance(value, ir.DenseElementsAttr) and (key := _PARAMETER.match(str(value))):
            array = _fitting(key[1], value.type, parameters) if key[1] in parameters else None
            found.append(_Global(key[1], loads[symbol], array))
        elif (array := mlir_io.read_elements(value)) is not None:
            found.append(_Global(symbol, loads[symbol], array))
    return found


def _fitting(name: str, kind: ir.Type, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    array = np.asarray(parameters[name])
    if not mlir_io.has_type(array, kind):
        raise WeightError(
            f"parameter {name!r} is {array.dtype} {array.shape}, the module has {kind}; give it in that form"
        )
    return array
