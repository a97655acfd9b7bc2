"""What the shaders of a GPU module are made of, read from their SPIR-V. Nothing is run, and registers are not visible.

SPIR-V is structured: a loop is what lies between its header, which names the block behind the loop, and that block.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from rt3d_mlir.errors import CompileError, ConfigError

_LINE = re.compile(r"^\s*(?:(%\S+) = )?(Op\w+)\s*(.*)$")


@dataclass(frozen=True)
class TapLoop:
    """The loop of a conv over taps, once around: its instructions, loads and FMAs (of 4 numbers each), and its taps."""

    instructions: int
    loads: int
    fmas: int
    taps: int


@dataclass(frozen=True)
class Shader:
    """One kernel: threads and bytes of shared memory of a workgroup, instructions in all, and its loop over taps."""

    name: str
    threads: int
    shared_bytes: int
    instructions: int
    loop: TapLoop | None


def validate(path: Path) -> None:
    """Raises CompileError where spirv-val finds fault with a shader, ConfigError where it is not installed."""
    done = subprocess.run([_tool("spirv-val"), path], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(f"{path.name} is no valid SPIR-V: {done.stderr.strip()[:500]}; report it")


def read_shader(path: Path) -> Shader:
    """Reads a .spv file. Raises ConfigError where spirv-dis is not installed."""
    done = subprocess.run([_tool("spirv-dis"), "--no-header", path], capture_output=True, text=True, check=True)
    return parse_shader(done.stdout)


def parse_shader(text: str) -> Shader:
    """The shader that spirv-dis wrote."""
    found = [match.groups() for line in text.splitlines() if (match := _LINE.match(line))]
    lines = [(result or "", op, rest.split()) for result, op, rest in found]
    entry = next(words for _, op, words in lines if op == "OpEntryPoint")
    local = next(words for _, op, words in lines if op == "OpExecutionMode" and words[1] == "LocalSize")
    sizes = _sizes(lines)
    shared = [words[0] for _, op, words in lines if op == "OpVariable" and words[1] == "Workgroup"]
    start = next(i for i, (_, op, _) in enumerate(lines) if op == "OpFunction")
    loops = [loop for loop in _innermost(lines[start:]) if loop.fmas and loop.taps]
    return Shader(
        name=entry[2].strip('"'),
        threads=prod(map(int, local[2:])),
        shared_bytes=sum(sizes[pointer] for pointer in shared),
        instructions=len(lines) - start,
        loop=max(loops, key=lambda loop: loop.fmas, default=None),
    )


def _sizes(lines: Sequence[tuple[str, str, list[str]]]) -> dict[str, int]:
    """Bytes of each type, of a pointer those of what it points to; constants by their value."""
    sizes: dict[str, int] = {}
    for result, op, words in lines:
        match op:
            case "OpTypeFloat" | "OpTypeInt":
                sizes[result] = int(words[0]) // 8
            case "OpConstant" if words[1].isdecimal():
                sizes[result] = int(words[1])
            case "OpTypeVector":
                sizes[result] = sizes[words[0]] * int(words[1])
            case "OpTypeArray":
                sizes[result] = sizes[words[0]] * sizes[words[1]]
            case "OpTypeStruct":
                sizes[result] = sum(sizes.get(word, 0) for word in words)
            case "OpTypePointer":
                sizes[result] = sizes.get(words[1], 0)
    return sizes


def _innermost(lines: Sequence[tuple[str, str, list[str]]]) -> list[TapLoop]:
    """All loops without another one inside. A tap is where an offset, a whole number, is loaded."""
    whole = {result for result, op, words in lines if op == "OpLoad" and words[0] in ("%uint", "%int")}
    loops = []
    for i, (_, op, words) in enumerate(lines):
        if op != "OpLoopMerge":
            continue
        end = next(j for j, (result, kind, _) in enumerate(lines) if kind == "OpLabel" and result == words[0])
        body = lines[i:end]
        if any(kind == "OpLoopMerge" for _, kind, _ in body[1:]):
            continue
        loads = [result for result, kind, _ in body if kind == "OpLoad"]
        fmas = sum(kind == "OpExtInst" and "Fma" in rest for _, kind, rest in body)
        loops.append(TapLoop(len(body), len(loads), fmas, sum(load in whole for load in loads)))
    return loops


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ConfigError(f"{name} is not installed; it reads shaders (Debian: spirv-tools)")
    return found
