"""`make fuzz`: many cases of a seed, or one of them again.

make fuzz N=10000            that many cases of a random seed
make fuzz SEED=7 CASE=123    that one case, alone; where it is right alone, with its whole batch
"""

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable

import aarch64
import vulkan
from fuzz.batches import BATCH, Verdict, run
from fuzz.nets import Act, Conv, Join, Literal, Meet, Norm, Pad, Pool, Resize
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from rt3d_mlir.tools import console


def main(argv: list[str] | None = None) -> int:
    """0 where all cases are right, 1 where one is not."""
    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cases", type=console.positive, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one's number")
    parser.add_argument("--case", type=int, help="only this one")
    parser.add_argument("--jobs", type=console.positive, default=os.cpu_count() or 1)
    args = parser.parse_args(argv)
    aarch64.command()
    vulkan.driver()
    if args.case is None:
        return _report(_progress(args.seed, range(args.first, args.first + args.cases), args.jobs), args.seed)
    verdicts = list(run(args.seed, [args.case], 1))
    if verdicts[0].wrong:
        console.out.print(describe(verdicts[0], args.seed))
        return _report(verdicts, args.seed)
    console.out.print(f"{verdicts[0].case!r}\nalone it is right; the whole batch:")
    first = args.case // BATCH * BATCH
    return _report(_progress(args.seed, range(first, first + BATCH), 1), args.seed)


def describe(verdict: Verdict, seed: int) -> str:
    """A failure in words: what, how to see it again, and the smallest network that has it."""
    return (
        f"seed {seed}, case {verdict.case.index}: {verdict.wrong}\n"
        f"  again: make fuzz SEED={seed} CASE={verdict.case.index}\n"
        f"  {'shrunk to' if verdict.shrunk else 'case'}: {verdict.case.net!r}\n"
        f"  compiled with {verdict.case.setting!r}"
    )


def _progress(seed: int, indices: range, jobs: int) -> list[Verdict]:
    """All verdicts, with a bar on stderr and failures as they come; those so far where the user interrupts."""
    verdicts: list[Verdict] = []
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console.log) as progress:
        task = progress.add_task(f"seed {seed}", total=len(indices))
        try:
            for verdict in run(seed, indices, jobs):
                verdicts.append(verdict)
                progress.advance(task)
                if verdict.wrong:
                    console.out.print(describe(verdict, seed))
        except KeyboardInterrupt:
            console.log.print("interrupted")
    return verdicts


def _report(verdicts: list[Verdict], seed: int) -> int:
    failures = [verdict for verdict in verdicts if verdict.wrong]
    if len(verdicts) > 1:
        console.table(_coverage(verdicts), "what the cases were:")
    for fault, count in Counter(verdict.fault for verdict in verdicts if verdict.fault).items():
        console.out.print(f"{count} cases have no answer by a known fault of iree-compile: {fault}")
    exact = sum(verdict.exact for verdict in verdicts)
    console.out.print(f"seed {seed}: {len(verdicts)} cases, {exact} of them bit for bit: {len(failures)} wrong")
    return 1 if failures else 0


def _coverage(verdicts: Iterable[Verdict]) -> Table:
    """How often each op, kernel, density, group and way of compiling was drawn."""
    counts: dict[str, Counter[str]] = {}

    def count(what: str, value: object) -> None:
        counts.setdefault(what, Counter())[str(value)] += 1

    for verdict in verdicts:
        net, setting = verdict.case.net, verdict.case.setting
        count("data", net.kind)
        count("batch size", net.shape[0])
        count("takes", net.takes + " cast by it" * net.casts)
        count("inputs", len(net.inputs()))
        count("gives", net.gives or "the last op's")
        count("second output", net.also is not None)
        count("mask group", net.group)
        count("packed by", setting.group)
        count(
            "compiled",
            f"{setting.target} {setting.dtype}"
            + " dense" * setting.dense
            + f" tile {setting.tile}" * bool(setting.tile),
        )
        for op in net.walk():
            match op:
                case Conv():
                    count("op", f"conv{len(op.kernel)}d")
                    count("kernel", "x".join(map(str, op.kernel)))
                    count("density", "one tap" if 0 < op.density < 0.01 else op.density)
                    count("activation", op.act or "none")
                    count("groups", "one" if op.groups == 1 else "several" if op.groups < op.filters else "all filters")
                    for what in ("stride", "dilation", "padding", "bias", "norm"):
                        if getattr(op, what):
                            count("conv with", what)
                case Pool() | Join() | Norm() | Act() | Meet() | Literal() | Pad() | Resize():
                    count("op", f"{getattr(op, 'mode', '') or op.kind} {type(op).__name__.lower()}")  # type: ignore[union-attr]
                case _:
                    count("op", type(op).__name__.lower())
    rows = Table("", "", box=None)
    for what, counter in counts.items():
        rows.add_row(what, ", ".join(f"{value}: {number}" for value, number in counter.most_common(24)))
    return rows


if __name__ == "__main__":
    sys.exit(main())
