"""A page a pass, made of what its file says: docstrings, which show the IR before and after, and the options."""

import re
import sys
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import get_type_hints

from rt3d_mlir.passes.framework.base import Pass
from rt3d_mlir.passes.pipeline import ENTRIES, PASSES, STAGES, default_pipeline
from rt3d_mlir.sparsity import GroupSize
from rt3d_mlir.targets import get_gpu_target, get_target

_ROOT = Path(__file__).parents[2]
_GROUP = GroupSize(8, 4)
_INTRO = """# Passes

A compile runs these passes in this order. Each pass is one file in `passes/`. The IR verifies after each pass. Where a
pass's conditions do not hold, it changes nothing and says why. [Architecture](../architecture.md#the-passes) says what
each pass is for, and why it has its place. [rt3d-mlir-opt](../tools/rt3d-mlir-opt.md) runs single passes, and
`rt3d-mlir-compile --dump-ir DIR` writes the IR after each. [Contributing](../CONTRIBUTING.md#how-to-add-a-pass) says
how to add one here, and [a sample](../samples/plugin_pass/README.md) how to add one in a package.

"""


def pass_pages() -> dict[str, str]:
    """The text of all pages by name, `passes/index.md` first, then in the order of the pipeline."""
    pages = {"passes/index.md": _index()}
    for cls in PASSES.values():
        pages[f"passes/{cls.name}.md"] = _page(cls)
    return pages


def to_markdown(docstring: str) -> str:
    """Prose as it is, and what is indented as a block of code."""
    lines: list[str] = []
    inside = False
    for line in docstring.splitlines():
        indented = line.startswith("    ")
        if indented != inside and (line.strip() or inside):
            lines += ["", "```text"] if indented else ["```", ""]
            inside = indented
        lines.append(line[4:] if inside else _escape(line))
    return "\n".join([*lines, "```"] if inside else lines)


def _index() -> str:
    cpu, gpu = get_target("cortex-a76"), get_gpu_target("vulkan-adreno")
    pipelines = {
        "CPU": default_pipeline(_GROUP, cpu),
        "CPU, group to be chosen": default_pipeline(_GROUP, cpu, choose=True),
        "CPU, f16": default_pipeline(_GROUP, cpu, dtype="f16"),
        "GPU": default_pipeline(_GROUP, gpu),
        "GPU, f16": default_pipeline(_GROUP, gpu, dtype="f16"),
    }
    rows = ["| stage | pass | what it does | runs for |", "|---|---|---|---|"]
    for entry in ENTRIES:
        name, cls = entry.cls.name, entry.cls
        runs = [title for title, steps in pipelines.items() if any(type(step) is cls for step in steps)]
        when = "all" if len(runs) == len(pipelines) else "; ".join(runs)
        rows.append(f"| {STAGES[entry.stage]} | [{name}]({name}.md) | {_escape(_summary(cls))} | {when} |")
    return _INTRO + "\n".join(rows) + "\n"


def _page(cls: type[Pass]) -> str:
    document = sys.modules[cls.__module__].__doc__ or ""
    file = cls.__module__.removeprefix("rt3d_mlir.").replace(".", "/") + ".py"
    cases = f"test/passes/{cls.name}"
    more = f", more pairs of IR in `{cases}/`" if (_ROOT / cases).is_dir() else ""
    at = list(PASSES).index(cls.name) + 1
    return f"""# {cls.name}

{to_markdown(_capital(document.removeprefix(f"{cls.name}: ")))}

## Options

{_escape(cls.__doc__ or "")}

{_options(cls)}

Pass {at} of {len(PASSES)}, in `{file}`{more}.
"""


def _options(cls: type[Pass]) -> str:
    hints = get_type_hints(cls)
    rows = [f"| `{each.name}` | {hints[each.name].__name__} | `{_default(each)}` |" for each in fields(cls)]
    if not rows:
        return "It has none: `rt3d-mlir-opt IN.mlir --passes=" + cls.name + "`."
    values = " ".join(f"{each.name}={_default(each)}" for each in fields(cls))
    table = "\n".join(["| option | type | default |", "|---|---|---|", *rows])
    end = " \\\n  " if len(values) > 45 else " "  # a page shows 92 characters of a line
    return f"{table}\n\n```text\nrt3d-mlir-opt IN.mlir{end}--passes='{cls.name}{{{values}}}'\n```"


def _default(option: Field) -> str:
    """The default, written as `--passes` takes it."""
    value = option.default if option.default_factory is MISSING else option.default_factory()
    return str(value).lower() if isinstance(value, bool) else str(getattr(value, "name", value))


def _summary(cls: type[Pass]) -> str:
    first = (sys.modules[cls.__module__].__doc__ or "").partition("\n\n")[0]
    return _capital(" ".join(first.removeprefix(f"{cls.name}: ").split()))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escape(line: str) -> str:
    """What Markdown would take as markup, outside of backticks."""
    pieces = re.split(r"(`[^`]*`)", line)
    return "".join(piece if piece.startswith("`") else re.sub(r"([\\*_<\[])", r"\\\1", piece) for piece in pieces)
