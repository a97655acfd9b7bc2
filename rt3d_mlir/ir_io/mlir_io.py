"""Modules in and out: `.mlir` text with its resource section, and bytecode for iree-compile.

Text is split from its `{-# ... #-}` section before parsing: the numbers go straight to the side table.
"""

import re
from collections.abc import Mapping, Set
from pathlib import Path

import iree.compiler.ir as ir
import numpy as np
from iree.compiler.passmanager import PassManager

from rt3d_mlir import files
from rt3d_mlir.errors import ModelError
from rt3d_mlir.ir_io.weights import BFLOAT16, WeightTable, resource_key
from rt3d_mlir.iree import internals

_HANDLE = re.compile(r'dense_resource<"?([^">]+)"?>\s*:\s*(tensor<[^>]*>)')
_SECTION = re.compile(r"^\{-#", re.MULTILINE)
_BLOB = re.compile(r'^\s*"?([^\s"]+)"?: "0x([0-9A-Fa-f]*)",?\s*$', re.MULTILINE)
_DTYPES = {
    "f32": np.float32,
    "f16": np.float16,
    "bf16": BFLOAT16,
    "f64": np.float64,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
}


def parse_text(text: str, source: str) -> tuple[ir.Module, WeightTable]:
    """Parses MLIR text in the current context. `source` names it in errors.

    Raises ModelError where the text does not parse, or a resource's size does not fit its type.
    """
    body, *sections = _SECTION.split(text, maxsplit=1)
    if sections and "#-}" not in sections[0]:
        raise ModelError(f"{source} was cut short: its resource section has no end, #-}}; write the file again")
    blobs = dict(_BLOB.findall(sections[0])) if sections else {}
    arrays = {
        key: _decode(key, type_text, blobs[key], source)
        for key, type_text in dict(_HANDLE.findall(body)).items()
        if key in blobs
    }
    try:
        return parse_handles(body, arrays)
    except ir.MLIRError as error:
        first = str(error).strip().splitlines()
        raise ModelError(f"{source} does not parse as MLIR: {'; '.join(line.strip() for line in first[:4])}") from None


def parse_handles(body: str, arrays: Mapping[str, np.ndarray]) -> tuple[ir.Module, WeightTable]:
    """Parses text without a resource section; `arrays` are the numbers behind its handles, by the names in it.

    Where the current context has a handle of that name from another module, MLIR gives this one another name, which the
    table then has. Raises ir.MLIRError.
    """
    module = ir.Module.parse(body)
    written = [key for key, _ in _HANDLE.findall(body)]
    parsed = [resource_key(op.attributes["value"]) for op in resource_constants(module)]
    names = dict(zip(written, parsed, strict=True)) if len(written) == len(parsed) else {}
    return module, WeightTable({names.get(key) or key: array for key, array in arrays.items()})


def read(path: Path) -> tuple[ir.Module, WeightTable]:
    """Reads a `.mlir` text file. Raises ModelError if it is missing, not text, or does not parse."""
    try:
        return parse_text(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ModelError(f"no such file: {path}") from None
    except UnicodeDecodeError:
        raise ModelError(f"{path} is not MLIR text (bytecode? write it as text with `iree-ir-tool copy`)") from None
    except IsADirectoryError:
        raise ModelError(f"{path} is a folder; expected an .mlir file") from None


def without_numbers(module: ir.Module, locations: bool = False) -> str:
    """The module as text whose handles have no numbers; it parses, and a side table completes it.

    With `locations`, a copy that is parsed from it still knows which op of the model each of its ops is of.
    """
    text = module.operation.get_asm(enable_debug_info=locations, large_resource_limit=0)
    return _SECTION.split(text, maxsplit=1)[0].rstrip()


def to_text(module: ir.Module, table: WeightTable) -> str:
    """The module as text that parses back: handles, then their numbers as a resource section."""
    body = without_numbers(module)
    keys = sorted(key for key in _used_keys(module) if key in table)
    if not keys:
        return body + "\n"
    entries = ",\n".join(f'      {_quote(key)}: "0x{_blob(table[key]).hex().upper()}"' for key in keys)
    return f"{body}\n\n{{-#\n  dialect_resources: {{\n    builtin: {{\n{entries}\n    }}\n  }}\n#-}}\n"


def write_text(module: ir.Module, table: WeightTable, path: Path) -> None:
    """Writes `to_text`. Raises OSError where that cannot be done."""
    files.write(path, to_text(module, table))


def write_bytecode(module: ir.Module, table: WeightTable, path: Path) -> None:
    """Attaches the table's arrays to the module's handles and writes MLIR bytecode.

    Locations are left out: IREE would copy them into the program, and a file's path with them. The module's handles are
    renamed by MLIR where they get their blob; use it for nothing else afterwards.
    """
    PassManager.parse(internals.STRIP_DEBUGINFO, module.context).run(module.operation)
    attach_numbers(module, table)
    with files.replacing(path) as new, new.open("wb") as file:
        module.operation.write_bytecode(file)


def attach_numbers(module: ir.Module, table: WeightTable, keep: Set[str] = frozenset()) -> None:
    """Gives the module's handles the table's arrays, but for those in `keep`, which have their numbers already."""
    for op in resource_constants(module):
        key = resource_key(op.attributes["value"])
        if key is not None and key in table and key not in keep:
            array = np.ascontiguousarray(table[key])
            array = array.view(np.uint16) if array.dtype == BFLOAT16 else array  # which has no buffer protocol
            op.attributes["value"] = ir.DenseResourceElementsAttr.get_from_buffer(array, key, op.result.type)


def read_elements(attribute: ir.Attribute) -> np.ndarray | None:
    """The numbers of a tensor constant, [the tensor's shape]; None for any other attribute, types unknown to us and
    handles without numbers.

    Python's bindings cannot get at the blob of a `dense_resource`; a constant printed by itself shows it.
    """
    if not isinstance(attribute.type, ir.RankedTensorType) or str(attribute.type.element_type) not in _DTYPES:
        return None
    if isinstance(attribute, ir.DenseElementsAttr):
        return None if isinstance(attribute.type.element_type, ir.BF16Type) else np.array(attribute)
    if resource_key(attribute) is None:
        return None
    constant = ir.Operation.create("arith.constant", [attribute.type], attributes={"value": attribute}, ip=False)
    blob = _BLOB.search(constant.get_asm())
    return None if blob is None else _decode(blob[1], str(attribute.type), blob[2], "the module")


def has_type(array: np.ndarray, kind: ir.Type) -> bool:
    """Whether an array has the shape and the elements of a tensor type."""
    shaped = ir.RankedTensorType(kind)
    return list(array.shape) == list(shaped.shape) and array.dtype == _DTYPES.get(str(shaped.element_type))


def resource_constants(module: ir.Module) -> list[ir.OpView]:
    """All constants of a module that are handles."""
    found: list[ir.OpView] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "arith.constant" and resource_key(op.attributes["value"]) is not None:
            found.append(op.opview)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found


def _used_keys(module: ir.Module) -> set[str]:
    return {key for op in resource_constants(module) if (key := resource_key(op.attributes["value"]))}


def _quote(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$.]*", key) else f'"{key}"'


def _blob(array: np.ndarray) -> bytes:
    """MLIR's blob: the alignment as a little-endian u32, then the elements."""
    return np.uint32(array.dtype.itemsize).tobytes() + np.ascontiguousarray(array).tobytes()


def _decode(key: str, type_text: str, digits: str, source: str) -> np.ndarray:
    *dims, scalar = type_text.removeprefix("tensor<").removesuffix(">").split("x")
    shape = tuple(int(dim) for dim in dims)
    if scalar not in _DTYPES:
        raise ModelError(f"{source}: resource {key} has element type {scalar}; known are {', '.join(_DTYPES)}")
    size = (len(digits) // 2 - 4) / np.dtype(_DTYPES[scalar]).itemsize
    if size != np.prod(shape):
        raise ModelError(f"{source}: resource {key} holds {size:g} elements, its type {type_text} says otherwise")
    return np.frombuffer(bytes.fromhex(digits)[4:], _DTYPES[scalar]).reshape(shape)
