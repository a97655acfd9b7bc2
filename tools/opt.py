"""rt3d-mlir-opt: runs passes over an .mlir file and prints the result; the driver of the pass tests."""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import iree.compiler.ir as ir

from rt3d_mlir.errors import Rt3dError
from rt3d_mlir.ir_io import mlir_io
from rt3d_mlir.passes.framework.base import Pass, State
from rt3d_mlir.passes.pipeline import parse_pipeline, passes_by_stage, run_pipeline
from rt3d_mlir.tools import console

PROG = "rt3d-mlir-opt"


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    return console.run(lambda: _run(_parse(argv)), PROG)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Run passes over linalg on tensors. Refusals go to stderr as remarks.",
        epilog=_passes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    console.add_common(parser)
    parser.add_argument("input", metavar="IN.mlir", help="MLIR text; - reads stdin")
    parser.add_argument("--passes", default="", metavar="PIPELINE", help="pack-kgs{group=8x4},block-layout")
    parser.add_argument("-o", "--output", default=console.STDOUT, metavar="OUT.mlir", help="default: -, stdout")
    parser.add_argument("--print-ir-after-all", action="store_true", help="print the IR after each pass on stderr")
    return parser.parse_args(argv)


def _passes() -> str:
    """All passes in the order of a compile, a paragraph for each stage."""
    lines = ["passes, in the order of a compile:"]
    for title, names in passes_by_stage().items():
        lines += [
            "",
            f"  {title}",
            *textwrap.wrap(
                ", ".join(names), 92, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
            ),
        ]
    return "\n".join(lines)


def _run(args: argparse.Namespace) -> None:
    passes = parse_pipeline(args.passes)
    with ir.Context(), ir.Location.unknown():
        if args.input == "-":
            module, weights = mlir_io.parse_text(sys.stdin.read(), "stdin")
        else:
            module, weights = mlir_io.read(Path(args.input))
        state = State(weights)

        def after_each(step: Pass, module: ir.Module) -> None:
            if args.print_ir_after_all:
                console.log.print(f"// -----// IR after {step.name} //----- //\n{mlir_io.to_text(module, weights)}")

        try:
            run_pipeline(module, passes, state, after_each)
        except Rt3dError:
            console.log.print(mlir_io.to_text(module, weights))
            raise
        for note in state.notes:
            console.log.print(f"remark: {note}")
        console.write(args.output, mlir_io.to_text(module, weights))


if __name__ == "__main__":
    sys.exit(main())
