"""`python -m rt3d_mlir.bench.gpu DIR`: measures artifacts that were compiled elsewhere, and writes gpu.json and gpu.md.

A plain parser and no progress bar: numpy and IREE's runtime are all that this needs, and PyTorch for its own rows.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rt3d_mlir.bench.gpu.gpu_tables import to_markdown, write
from rt3d_mlir.bench.gpu.measure import CALLS, measure
from rt3d_mlir.bench.gpu.results import ENGINES
from rt3d_mlir.errors import Rt3dError

PROG = "python -m rt3d_mlir.bench.gpu"


def main(argv: Sequence[str]) -> int:
    """0, 1 for an expected error, 2 for a wrong usage, 130 where Ctrl-C ended it early."""
    parser = argparse.ArgumentParser(prog=PROG, description="Time compiled modules on this machine's GPU.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="an artifact, or a folder of artifacts")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES, help="default: all")
    parser.add_argument("--rounds", type=int, default=CALLS, metavar="N", help=f"timed calls (default: {CALLS})")
    parser.add_argument("--peak", type=float, metavar="TFLOPS", help="of the GPU in f32, to state shares of it")
    parser.add_argument("-o", dest="output", type=Path, metavar="DIR", help="default: where the artifacts are")
    args = parser.parse_args(argv)
    try:
        results = measure(
            args.folder,
            args.engines,
            args.rounds,
            args.peak,
            [*PROG.split(), *argv],
            lambda what, _share: print(what, file=sys.stderr),
        )
    except Rt3dError as error:
        print(f"{PROG}: error: {error}", file=sys.stderr)
        return 1
    write(results, args.output or args.folder)
    print(to_markdown(results), end="")
    return 130 if results.interrupted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
