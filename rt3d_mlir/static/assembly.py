"""aarch64 assembly as iree-compile dumps it: its functions, and the loop of a function that does the work."""

import re
from collections import Counter
from dataclasses import dataclass

_FUNCTION = re.compile(r"([A-Za-z_][\w$.]*):")
_LABEL = re.compile(r"(\.L\w+):")
_BRANCH = re.compile(r"(?:b|b\.\w+|cbn?z|tbn?z)\s+(?:.*,\s*)?(\.L\w+)")
_ON_STACK = re.compile(r"\[(?:sp|x29)\b")
_Q_REGISTER = re.compile(r"\b(?:q\d+|v\d+\.(?:4s|8h|16b|2d))\b")


@dataclass(frozen=True)
class Loop:
    """An innermost loop, its instructions from the label to the branch back."""

    instructions: tuple[str, ...]
    around: tuple[str, ...] = ()
    """Those of the smallest loop around it that are not its own."""

    def count(self, kind: str) -> int:
        """How many are "fmla", "load", "store", "branch", or "address", which is all the rest."""
        return Counter(map(_kind, self.instructions))[kind]

    @property
    def spills(self) -> int:
        """Loads and stores on the stack, which is where registers are spilled to."""
        return sum(bool(_ON_STACK.search(text)) for text in self.instructions)

    @property
    def vector_loads(self) -> int:
        """128-bit registers loaded: two by an ldp."""
        return sum(len(_Q_REGISTER.findall(text)) for text in self.instructions if _kind(text) == "load")


def functions(text: str) -> dict[str, list[str]]:
    """The labels and instructions of each function, without directives and comments."""
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for raw in text.splitlines():
        line = raw.partition("//")[0].strip()
        if (start := _FUNCTION.fullmatch(line)) and not raw[0].isspace():
            lines = found.setdefault(start[1], [])
        elif line.startswith(".Lfunc_end"):
            lines = None
        elif lines is not None and line and (_LABEL.fullmatch(line) or not line.startswith(".")):
            lines.append(line)
    return found


def hottest_loop(lines: list[str]) -> Loop | None:
    """The innermost loop with the most FMLAs; None where no loop has one."""
    spans = _backward_branches(lines)
    innermost = [
        (first, last)
        for first, last in spans
        if not any((a, b) != (first, last) and first <= a and b <= last for a, b in spans)
    ]
    loops = [
        Loop(_instructions(lines[first : last + 1]), _around(lines, spans, first, last)) for first, last in innermost
    ]
    best = max(loops, key=lambda loop: loop.count("fmla"), default=None)
    return best if best is not None and best.count("fmla") else None


def _around(lines: list[str], spans: list[tuple[int, int]], first: int, last: int) -> tuple[str, ...]:
    """The instructions of the smallest loop around lines first .. last, without those; none where there is no loop."""
    outer = [(a, b) for a, b in spans if a <= first and last <= b and (a, b) != (first, last)]
    if not outer:
        return ()
    a, b = min(outer, key=lambda span: span[1] - span[0])
    return _instructions([*lines[a:first], *lines[last + 1 : b + 1]])


def _instructions(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if not _LABEL.fullmatch(line))


def _backward_branches(lines: list[str]) -> list[tuple[int, int]]:
    """(label, branch) of each branch to a label above it."""
    labels = {match[1]: at for at, line in enumerate(lines) if (match := _LABEL.fullmatch(line))}
    branches = [(at, match[1]) for at, line in enumerate(lines) if (match := _BRANCH.fullmatch(line))]
    return [(labels[name], at) for at, name in branches if labels.get(name, at) < at]


def _kind(instruction: str) -> str:
    mnemonic = instruction.split(None, 1)[0]
    if mnemonic in ("fmla", "fmlal", "fmlal2"):
        return "fmla"
    if mnemonic.startswith("ld"):
        return "load"
    if mnemonic.startswith("st"):
        return "store"
    return "branch" if _BRANCH.fullmatch(instruction) else "address"
