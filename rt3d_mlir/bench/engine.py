"""What an engine is to the benchmark: it makes its file once, then a worker process loads it and runs it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import numpy as np

from rt3d_mlir.bench.case import Case

#: One run: the clip in, the answer out, both numpy.
Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Prepared:
    """The files that an engine loads, and what there is to say about them."""

    files: list[str]
    note: str = ""

    @property
    def bytes(self) -> int:
        """Their size together."""
        return sum(Path(file).stat().st_size for file in self.files)


class Engine(ABC):
    """One engine. What it needs is imported in its methods, which raise UnavailableError where it cannot be had."""

    name: ClassVar[str]
    title: ClassVar[str]
    """As the tables call it."""
    package: ClassVar[str]
    """The distribution whose version goes into the report's header."""
    precision: ClassVar[str] = "f32"
    warmup: ClassVar[int] = 2
    """Runs that are not timed."""
    most_rounds: ClassVar[int | None] = None
    """Timed runs at most; None for as many as the benchmark does."""

    @abstractmethod
    def prepare(self, case: Case, folder: Path) -> Prepared:
        """Makes the engine's files in `folder`; runs once a case, in a process of its own."""

    @abstractmethod
    def load(self, case: Case, folder: Path, threads: int) -> Run:
        """The network, ready to run on so many threads. The time that this takes is the load time."""

    def version(self) -> str:
        """The installed version, or an empty string."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return ""
