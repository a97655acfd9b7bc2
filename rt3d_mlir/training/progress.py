"""A line on stderr for each epoch, and a bar that moves within it."""

from typing import Any

from rich import progress
from rich.console import Console

from rt3d_mlir.training.trainer import Epoch


class Progress:
    """An Observer of a run of `epochs`; a context, for the bar has to go away again."""

    def __init__(self, console: Console, epochs: int):
        self._console, self._epochs = console, epochs
        self._loss = 0.0
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        self._bar.stop()

    def log(self, text: str) -> None:
        """A line above the bar."""
        self._console.print(text)

    def step(self, stage: str, epoch: int, batch: int, batches: int, loss: float | None) -> None:
        self._loss = self._loss if loss is None else loss
        text = f"epoch {epoch}/{self._epochs} {stage}, loss {self._loss:.3f}"
        self._bar.update(self._task, description=text, completed=batch, total=batches)

    def epoch(self, epoch: Epoch) -> None:
        self.log(
            f"epoch {epoch.number}/{self._epochs} {epoch.stage}: loss {epoch.loss:.3f}, penalty {epoch.penalty:.3f}, "
            f"test accuracy {epoch.accuracy:.1%}, rate {epoch.rate:.2f}x, {epoch.seconds:.1f} s"
        )
