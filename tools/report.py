"""rt3d-mlir-report: artifact folders, dense and pruned side by side, as one HTML page."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rt3d_mlir.html_report.artifacts import Artifact, read_artifacts
from rt3d_mlir.html_report.bench_files import read_bench
from rt3d_mlir.html_report.folder import HTML, check_report_folder, write_folder
from rt3d_mlir.html_report.page import build_page
from rt3d_mlir.html_report.phone_files import read_phone_files
from rt3d_mlir.html_report.speed import Speed
from rt3d_mlir.html_report.timing import Measured, measure_here, obstacle
from rt3d_mlir.tools import console

PROG = "rt3d-mlir-report"


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; see :func:`rt3d_mlir.tools.console.run` for the exit codes."""
    return console.run(lambda: _run(sys.argv[1:] if argv is None else argv), PROG)


def _run(argv: Sequence[str]) -> None:
    args = _parse(argv)
    check_report_folder(args.output)
    artifacts = read_artifacts(args.artifacts)
    benched = read_bench(args.artifacts, artifacts)
    phones = read_phone_files(args.phone, artifacts)
    measured = _not_run(artifacts) if args.no_run else _measure(artifacts, argv)
    page = build_page(artifacts, Speed(measured, benched, phones))
    write_folder(args.output, page)
    console.out.print(f"wrote {args.output / HTML} and {len(page.pictures)} PNGs beside it")


def _measure(artifacts: Sequence[Artifact], argv: Sequence[str]) -> Measured:
    with console.log.status("") as status:
        return measure_here(artifacts, [PROG, *argv], lambda what: status.update(f"{what} ..."))


def _not_run(artifacts: Sequence[Artifact]) -> Measured:
    return Measured({artifact.name: obstacle(artifact) or "not run: --no-run" for artifact in artifacts})


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Show artifacts of rt3d-mlir-compile side by side: one HTML page that needs no network, and PNGs.",
        epilog="Modules for this machine are run, to time their layers: as always, only those that you trust. A folder "
        "that rt3d-mlir-bench wrote layers.json or gpu.json to may be among the DIRs.",
    )
    console.add_common(parser)
    parser.add_argument(
        "artifacts", metavar="DIR", type=Path, nargs="+", help="what rt3d-mlir-compile -o wrote, dense and pruned"
    )
    parser.add_argument(
        "-o", dest="output", type=Path, metavar="OUT", default=Path("rt3d-report"), help="folder (default: rt3d-report)"
    )
    parser.add_argument(
        "--phone",
        metavar="JSON",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        help="runs on a phone (rt3d-mlir-run --adb --json), projections (rt3d-mlir-bench --static --json)",
    )
    parser.add_argument("--no-run", action="store_true", help="run nothing; the page shows what is known without")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
