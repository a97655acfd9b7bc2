"""How long a call takes: the least, the median and the 90th percentile of some repeats."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Latency:
    """Milliseconds of wall clock."""

    min: float
    median: float
    p90: float

    @classmethod
    def of(cls, times: list[float]) -> "Latency":
        """The statistics of some times in milliseconds."""
        return cls(min(times), float(np.median(times)), float(np.percentile(times, 90)))

    def __str__(self) -> str:
        return f"min {self.min:.2f} ms, median {self.median:.2f} ms, p90 {self.p90:.2f} ms"


def measure(call: Callable[[], object], repeat: int, warmup: int = 1) -> Latency:
    """Times `repeat` calls one by one, after `warmup` calls that do not count."""
    for _ in range(warmup):
        call()
    times: list[float] = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return Latency.of(times)
