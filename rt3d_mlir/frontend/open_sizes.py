"""Sizes that torch.export left open, fixed in a program's text before torch reads it.

torch gives the text of an open size to sympy, which evaluates it. Here it is only recognized: a size that is one symbol
is looked up, and any other gets its value for the example inputs, which the archive has as a number. Those numbers are
notes on the graph, no part of what it computes: `fixed_program` traces it again, which derives all sizes from the
inputs'.
"""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.utils._pytree import tree_map_only

from rt3d_mlir.errors import InputError
from rt3d_mlir.memory import check_memory

_SYMBOL = re.compile(r"(?:Symbol\('(s\d+)'(?:, \w+=True)*\)|(s\d+))")

_OF_THE_DATA = "it has sizes that depend on its input's numbers; export a model that has none"

Shape = tuple[int, ...]


def fix_sizes(program: dict[str, Any], shape: Sequence[int] | None, name: str) -> list[Shape]:
    """Replaces the open sizes in a program's JSON by numbers; returns the shapes of its inputs, [] where none was open.

    The first input gets `shape` where that is given, and else 1 for an open batch; what is still open is as in the
    example inputs. Raises InputError for a size that the program was not exported for, or that does not fit the memory,
    ValueError for sizes that depend on the data.
    """
    if "graph_module" not in program:
        _replace(program, {})
        return []
    tensors = program["graph_module"]["graph"]["tensor_values"]
    names = [arg["as_tensor"]["name"] for arg in _user_inputs(program) if "as_tensor" in arg]
    sizes = {tensor: tensors[tensor]["sizes"] for tensor in names}
    if not any("as_expr" in size for each in sizes.values() for size in each):
        if _replace(program, {}):
            raise ValueError(_OF_THE_DATA)
        return []
    ranges = program["range_constraints"]
    values: dict[str, int] = {}
    for axis, size in enumerate(sizes[names[0]]):
        symbol = _symbol(size)
        if symbol is None:
            continue
        if shape is not None and axis < len(shape):
            values[symbol] = _in_range(shape[axis], ranges.get(symbol, {}), f"{name}: axis {axis} of '{names[0]}'")
        elif shape is None and axis == 0 and (ranges.get(symbol, {}).get("min_val") or 0) <= 1:
            values[symbol] = 1
    _replace(program, values)
    program["range_constraints"] = {}
    shapes = [tuple(size["as_int"] for size in tensors[tensor]["sizes"]) for tensor in names]
    check_memory(shapes, f"inputs of {', '.join('x'.join(map(str, shape)) for shape in shapes)}")
    return shapes


def fixed_program(program: ExportedProgram, shapes: Sequence[Shape]) -> ExportedProgram:
    """The program for inputs of these shapes, its example inputs made to fit by repeating or cutting them."""
    assert program.example_inputs is not None
    left = iter(shapes)
    args, kwargs = tree_map_only(torch.Tensor, lambda example: _resized(example, next(left)), program.example_inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(program.module(), args, kwargs, strict=False)


def _user_inputs(program: dict[str, Any]) -> list[dict[str, Any]]:
    specs = program["graph_module"]["signature"]["input_specs"]
    return [spec["user_input"]["arg"] for spec in specs if "user_input" in spec]


def _symbol(size: dict[str, Any]) -> str | None:
    match = _SYMBOL.fullmatch(size["as_expr"]["expr_str"]) if "as_expr" in size else None
    return None if match is None else match[1] or match[2]


def _in_range(size: int, allowed: dict[str, int | None], what: str) -> int:
    low, high = allowed.get("min_val") or 0, allowed.get("max_val")
    if size < low or (high is not None and size > high):
        said = f"at least {low}" if high is None else f"{low} to {high}"
        raise InputError(f"{what} may be {said}, not {size}: so it was exported; export it for that shape")
    return size


def _replace(value: Any, values: dict[str, int]) -> int:
    """Each {"as_expr": ...} below becomes {"as_int": ...} or what else it is for the example inputs; their number."""
    if isinstance(value, dict) and "as_expr" in value:
        known = _known(value, values)
        value.clear()
        value.update(known)
        return 1
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(_replace(entry, values) for entry in below)


def _known(size: dict[str, Any], values: dict[str, int]) -> dict[str, Any]:
    symbol, hint = _symbol(size), size["as_expr"].get("hint")
    if symbol in values:
        return {"as_int": values[symbol]}
    if not isinstance(hint, dict) or [type(hint.get(key)) for key in hint] not in ([int], [float], [bool]):
        raise ValueError(_OF_THE_DATA)
    return hint


def _resized(example: torch.Tensor, shape: Shape) -> torch.Tensor:
    for axis, size in enumerate(shape):
        example = example.index_select(axis, torch.arange(size) % example.shape[axis])
    return example
