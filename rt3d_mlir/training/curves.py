"""The curves of a run: loss and penalty, accuracy, and the rate, by epoch."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rt3d_mlir.training.recipe import Stage
from rt3d_mlir.training.trainer import Epoch


def draw(epochs: Sequence[Epoch], stages: Sequence[Stage], path: Path) -> None:
    """Writes a PNG of three panels; dotted lines are where one stage ends and the next begins."""
    figure = Figure(figsize=(7, 7.5))
    FigureCanvasAgg(figure)  # no window, no global state of pyplot
    loss, accuracy, rate = figure.subplots(3, 1, sharex=True)
    numbers = [epoch.number for epoch in epochs]
    loss.plot(numbers, [epoch.loss for epoch in epochs], label="loss")
    loss.plot(numbers, [epoch.penalty for epoch in epochs], label="penalty", linestyle="--")
    loss.set_ylabel("training loss")
    loss.legend(frameon=False)
    accuracy.plot(numbers, [100 * epoch.accuracy for epoch in epochs], color="tab:green")
    accuracy.set_ylabel("test accuracy, %")
    rate.plot(numbers, [epoch.rate for epoch in epochs], color="tab:red")
    rate.set_ylabel("dense MACs / MACs kept")
    rate.set_xlabel("epoch")
    for axis in (loss, accuracy, rate):
        _mark(axis, stages)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def _mark(axis: Axes, stages: Sequence[Stage]) -> None:
    for stage in stages:
        if stage.first:
            axis.axvline(stage.first + 0.5, color="grey", linestyle=":", linewidth=1)
        axis.annotate(
            stage.name, (stage.first + 0.6, 1.01), xycoords=("data", "axes fraction"), fontsize=8, color="grey"
        )
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
