"""Draws networks, judges them in batches on all cores, and shrinks what fails.

Case `index` of a `seed` is always the same network, compiled the same way: each is a hypothesis run of its own.
"""

import contextlib
import functools
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from queue import SimpleQueue

import hypothesis
from fuzz.judge import Answers, Setting, StageError, judge
from fuzz.nets import Net
from fuzz.strategies import GPU_GROUPS, GROUPS, nets
from hypothesis import HealthCheck, Phase, Verbosity, given, settings

from rt3d_mlir.targets import get_target

BATCH = 20
#: f32 where this machine does not multiply bf16.
BF16 = "bf16" if get_target("host").pairs else "f32"
#: How batches are compiled, in turn; every second eleven are as the first, but for the GPU's.
MODES: list[dict] = [
    mode
    for dtype in ("f32", "f16")
    for mode in (
        *({}, {"last": True}, {"target": "cortex-a76"}, {"last": True}, {"dense": True, "last": True}),
        *({"target": "vulkan-lavapipe", "dtype": dtype}, {"tile": 2}, {"last": True}),
        *({"target": "cortex-a76", "dtype": "f16"}, {"tile": 4}, {"dtype": BF16, "last": True}),
    )
]
#: What iree-compile says of faults of its own, which no pass of ours can go around: a frame-wise conv unpacked next to
#: an average pool, all on one position; two numbers of floor 2 unpacked and cast to f16.
IREE_FAULTS = (
    "'iree_linalg_ext.map_store' op write affecting operations on global resources",
    "'vector.store' op write affecting operations on global resources",
)
#: Networks that shrinking one failure may compile.
MOST_SHRINKS = 150


@dataclass(frozen=True)
class Case:
    """One network and how it is compiled."""

    index: int
    net: Net
    setting: Setting


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a case, "" if nothing; and whether it had to be exact.

    `shrunk`: the case is no longer the one that its index stands for, but a smaller one that fails as that one does.
    `fault`: why it has no answer, where that is one of IREE_FAULTS.
    """

    case: Case
    wrong: str
    exact: bool = False
    shrunk: bool = False
    fault: str = ""


def draw_case(seed: int, index: int) -> Case:
    """Case `index` of `seed`."""
    drawn: list[Net] = []
    _explore(seed, index, drawn.append, [Phase.generate])
    batch = index // BATCH
    mode = MODES[batch % len(MODES)]
    groups = GPU_GROUPS if mode.get("target") == "vulkan-lavapipe" else GROUPS
    return Case(index, drawn[-1], Setting(random.Random(f"{seed}/{batch}").choice(groups), **mode))


def shrink(seed: int, verdict: Verdict, worker: "Worker") -> Verdict:
    """The smallest case found that fails as this one does."""
    smallest, left = verdict, MOST_SHRINKS

    @functools.cache
    def alone(net: Net) -> Verdict:
        nonlocal left
        left -= 1
        case = Case(verdict.case.index, net, verdict.case.setting)
        if net == verdict.case.net:
            return verdict
        return worker.judge([case])[0] if left >= 0 else Verdict(case, "")

    def must_be_right(net: Net) -> None:
        nonlocal smallest
        found = alone(net)
        if signature(found) == signature(verdict):
            smallest = replace(found, shrunk=found.case != verdict.case)
            raise AssertionError

    with contextlib.suppress(AssertionError):
        _explore(seed, verdict.case.index, must_be_right, [Phase.generate, Phase.shrink])
    return smallest


def signature(verdict: Verdict) -> str:
    """Equal for failures of one kind: the reason without its numbers."""
    return re.sub(r"[0-9.e+-]+|nan|inf", "#", verdict.wrong)[:120]


def run(seed: int, indices: Iterable[int], jobs: int) -> Iterator[Verdict]:
    """Verdicts on these cases of `seed`, as they come; the first failure of each kind is shrunk."""
    seen: set[str] = set()
    workers: SimpleQueue[Worker] = SimpleQueue()
    for _ in range(jobs):
        workers.put(Worker())

    def work(batch: list[int]) -> list[Verdict]:
        worker = workers.get()
        try:
            verdicts = worker.judge([draw_case(seed, index) for index in batch])
            for i, verdict in enumerate(verdicts):
                if verdict.wrong and signature(verdict) not in seen:
                    seen.add(signature(verdict))
                    verdicts[i] = shrink(seed, verdict, worker)
            return verdicts
        finally:
            workers.put(worker)

    batches: dict[int, list[int]] = {}
    for index in indices:
        batches.setdefault(index // BATCH, []).append(index)
    threads = ThreadPoolExecutor(jobs)
    try:
        for done in as_completed([threads.submit(work, batch) for batch in batches.values()]):
            yield from done.result()
    finally:
        threads.shutdown(cancel_futures=True)
        while not workers.empty():
            workers.get().close()


class Worker:
    """A process that judges, and that may die of what it is given."""

    def __init__(self) -> None:
        self._start()

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """Verdicts on cases of one setting. A batch that fails as a whole is halved until the culprit is alone."""
        try:
            answers = self._answers(cases)
        except StageError as error:
            if len(cases) == 1:
                fault = next((fault for fault in IREE_FAULTS if fault in error.reason), "")
                return [Verdict(cases[0], "" if fault else str(error), fault=fault)]
            middle = len(cases) // 2
            return self.judge(cases[:middle]) + self.judge(cases[middle:])
        return [Verdict(*parts) for parts in zip(cases, answers.wrong, answers.exact, strict=True)]

    def close(self) -> None:
        self._pool.shutdown()

    def _start(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"))

    def _answers(self, cases: Sequence[Case]) -> Answers:
        try:
            return self._pool.submit(judge, [case.net for case in cases], cases[0].setting).result()
        except BrokenProcessPool:
            self._start()
            raise StageError("process", "it died, or took too long, while importing or rewriting") from None


def _explore(seed: int, index: int, body: Callable[[Net], object], phases: list[Phase]) -> None:
    """Calls `body` with two networks, the simplest of all and the one of this seed and index; and while shrinking."""

    @hypothesis.seed(f"{seed}/{index}")
    @settings(
        max_examples=2,
        phases=phases,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(nets())
    def explore(net: Net) -> None:
        body(net)

    explore()
