"""What the shaders of a GPU module are made of, read from their SPIR-V. Nothing is run, and registers are not visible.

SPIR-V is structured: a loop is what lies between its header, which names the block behind the loop, and that block.

Issue slots are what a GPU of scalar instructions, as Adreno and Valhall, makes of it: an operation on a vector is one
slot a number, on f16 half of that, for two go together; a load, a store, an address, a branch is one. Vectors are taken
apart and put together for nothing: their numbers lie in registers of their own. A product and the sum that takes it are
one FMA, which drivers make of them.
"""

import re
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from rt3d_mlir.errors import ConfigError

#: For targets of SPIR-V 1.4 or newer (vulkan-nvidia) IREE 3.13 writes all kernels by its rules (NoSignedWrap, all
#: variables in the interface), and gives those that it finds nothing newer in the version 1.0.
TOO_OLD = "valid as 1.4, says 1.0"
_VERSION = 0x00010400

_LINE = re.compile(r"^\s*(?:(%\S+) = )?(Op\w+)\s*(.*)$")
_FREE = re.compile(
    r"Op(Composite\w+|VectorShuffle|Bitcast|Phi|Label|LoopMerge|SelectionMerge|Branch|Undef|Variable|Function\w*|Return)"
)
_ONE = re.compile(r"Op(Load|Store|AccessChain|InBoundsAccessChain|BranchConditional|ControlBarrier)")


@dataclass(frozen=True)
class ShaderLoop:
    """The loop of a conv over taps, once around: its instructions, loads and FMAs (of vectors of 4), and its taps.

    `shared_bytes` and `buffer_bytes` are what a thread loads from shared memory and from buffers.
    """

    instructions: int
    loads: int
    fmas: int
    taps: int
    shared_bytes: int
    buffer_bytes: int
    slots: float
    """Issue slots, and those of them that are FMAs."""
    fma_slots: float

    @property
    def share(self) -> float:
        """Of the FMAs among what is issued: what of the peak is left."""
        return self.fma_slots / self.slots


@dataclass(frozen=True)
class Shader:
    """One kernel: threads and bytes of shared memory of a workgroup, instructions in all, and its loop over taps."""

    name: str
    threads: int
    shared_bytes: int
    instructions: int
    loop: ShaderLoop | None


@dataclass(frozen=True)
class _Type:
    """Bytes of a type, of a pointer those of what it points to; how many numbers it has, and their width in bits."""

    bytes: int
    numbers: int = 1
    bits: int = 32
    pointer: str = ""
    """To which storage class, "Workgroup" or another."""


_Line = tuple[str, str, list[str]]


def fault(path: Path) -> str:
    """What spirv-val has against a shader, empty where nothing. Raises ConfigError where it is not installed."""
    said, data = _validate(path), bytearray(path.read_bytes())
    if not said or struct.unpack_from("<I", data, 4)[0] >= _VERSION:
        return said
    newer = path.with_suffix(".1.4.spv")
    struct.pack_into("<I", data, 4, _VERSION)
    newer.write_bytes(data)
    try:
        return said if _validate(newer) else TOO_OLD
    finally:
        newer.unlink()


def read_shader(path: Path) -> Shader:
    """Reads a .spv file. Raises ConfigError where spirv-dis is not installed, or is older than the shader."""
    done = subprocess.run([_tool("spirv-dis"), "--no-header", path], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"spirv-dis cannot read {path.stem} ({done.stderr.strip()}): install newer spirv-tools")
    return parse_shader(done.stdout)


def parse_shader(text: str) -> Shader:
    """The shader that spirv-dis wrote."""
    found = [match.groups() for line in text.splitlines() if (match := _LINE.match(line))]
    lines = [(result or "", op, rest.split()) for result, op, rest in found]
    entry = next(words for _, op, words in lines if op == "OpEntryPoint")
    local = next(words for _, op, words in lines if op == "OpExecutionMode" and words[1] == "LocalSize")
    types = _types(lines)
    shared = [words[0] for _, op, words in lines if op == "OpVariable" and words[1] == "Workgroup"]
    start = next(i for i, (_, op, _) in enumerate(lines) if op == "OpFunction")
    loops = [loop for loop in _innermost(lines[start:], types) if loop.fmas and loop.taps]
    return Shader(
        name=entry[2].strip('"'),
        threads=prod(map(int, local[2:])),
        shared_bytes=sum(types[pointer].bytes for pointer in shared),
        instructions=len(lines) - start,
        loop=max(loops, key=lambda loop: loop.fmas, default=None),
    )


def _types(lines: Sequence[_Line]) -> dict[str, _Type]:
    """All types, and whole constants, whose `bytes` are their value: the lengths of arrays."""
    types: dict[str, _Type] = {}
    for result, op, words in lines:
        match op:
            case "OpTypeFloat" | "OpTypeInt":
                types[result] = _Type(int(words[0]) // 8, bits=int(words[0]))
            case "OpTypeBool":
                types[result] = _Type(4)
            case "OpConstant" if words[1].isdecimal():
                types[result] = _Type(int(words[1]))
            case "OpTypeVector":
                of, count = types[words[0]], int(words[1])
                types[result] = _Type(of.bytes * count, count, of.bits)
            case "OpTypeArray":
                types[result] = _Type(types[words[0]].bytes * types[words[1]].bytes)
            case "OpTypeStruct":
                types[result] = _Type(sum(types[word].bytes for word in words if word in types))
            case "OpTypePointer":
                types[result] = _Type(types[words[1]].bytes if words[1] in types else 0, pointer=words[0])
    return types


def _innermost(lines: Sequence[_Line], types: Mapping[str, _Type]) -> list[ShaderLoop]:
    """All loops without another one inside."""
    loops = []
    for i, (_, op, words) in enumerate(lines):
        if op != "OpLoopMerge":
            continue
        end = next(j for j, (result, kind, _) in enumerate(lines) if kind == "OpLabel" and result == words[0])
        body = lines[i:end]
        if all(kind != "OpLoopMerge" for _, kind, _ in body[1:]):
            loops.append(_loop(body, types))
    return loops


def _loop(body: Sequence[_Line], types: Mapping[str, _Type]) -> ShaderLoop:
    """A tap is where an offset, a whole number, is loaded."""
    products = {result for result, op, _ in body if op == "OpFMul"}
    fused = products & {word for _, op, words in body if op == "OpFAdd" for word in words}
    fmas = [line for line in body if (line[1] == "OpExtInst" and "Fma" in line[2]) or _takes(line, fused)]
    loads = [words for _, op, words in body if op == "OpLoad"]
    classes = {result: types[words[0]].pointer for result, op, words in body if op.endswith("AccessChain")}
    moved = [(classes[words[1]], types[words[0]].bytes) for words in loads if words[1] in classes]
    return ShaderLoop(
        instructions=len(body),
        loads=len(loads),
        fmas=len(fmas),
        taps=sum(words[0] in ("%uint", "%int") for words in loads),
        shared_bytes=sum(size for place, size in moved if place == "Workgroup"),
        buffer_bytes=sum(size for place, size in moved if place.endswith("StorageBuffer")),
        slots=sum(_slots(line, types) for line in body if line[0] not in fused),
        fma_slots=sum(_slots(line, types) for line in fmas),
    )


def _takes(line: _Line, products: set[str]) -> bool:
    """Whether it is the sum of one of the products."""
    return line[1] == "OpFAdd" and not products.isdisjoint(line[2])


def _slots(line: _Line, types: Mapping[str, _Type]) -> float:
    result, op, words = line
    if _FREE.fullmatch(op):
        return 0
    if _ONE.fullmatch(op) or not result:
        return 1
    of = types[words[0]]
    return of.numbers * min(1, of.bits / 32)


def _validate(path: Path) -> str:
    done = subprocess.run([_tool("spirv-val"), path], capture_output=True, text=True, check=False)
    return " ".join(done.stderr.split())[:500] if done.returncode else ""


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ConfigError(f"{name} is not installed; it reads shaders (Debian: apt-get install spirv-tools)")
    return found
