"""How good a model's choices are by what was timed, and better numbers for it.

A sample is a layer, one of the choices that it has, the time that it took, and all that the model needs to know.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Sample:
    """`layer` names what the choice is for, `ms` is what it took by one choice, `facts` is what the model is asked."""

    layer: str
    ms: float
    facts: Any


@dataclass(frozen=True)
class Verdict:
    """Of the choices that were timed: what those of the model take over the best ones, and how far its times are off.

    loss     geometric mean over layers of the chosen one's time over the best one's, less one; `worst` is the largest
    spread   standard deviation of log(time / model), which no common scale changes
    """

    samples: int
    layers: int
    loss: float
    worst: float
    spread: float

    def __str__(self) -> str:
        return (
            f"{self.samples} timed kernels of {self.layers} layers: the model's choices take {self.loss:.1%} longer "
            f"than the best ones, at most {self.worst:.1%}; its times are off by {self.spread:.1%}"
        )


def judge(samples: Sequence[Sample], model: Callable[[Any], float]) -> Verdict:
    """`model` gives the time of a sample's facts, in any unit. Each layer's best choice by it is its first."""
    layers: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        layers[sample.layer].append((model(sample.facts), sample.ms))
    losses = [log(min(found)[1] / min(ms for _, ms in found)) for found in layers.values()]
    off = [log(ms / cycles) for found in layers.values() for cycles, ms in found]
    mean = sum(off) / len(off)
    spread = (sum((each - mean) ** 2 for each in off) / len(off)) ** 0.5
    return Verdict(len(off), len(layers), exp(sum(losses) / len(losses)) - 1, exp(max(losses)) - 1, spread)


def fit(
    numbers: Mapping[str, float],
    samples: Sequence[Sample],
    model: Callable[[Mapping[str, float], Any], float],
    rounds: int = 60,
) -> dict[str, float]:
    """Numbers of less `spread` and `loss` together: each in turn by a factor, which shrinks where none helps."""
    best, step = dict(numbers), 1.3

    def cost(tried: Mapping[str, float]) -> float:
        found = judge(samples, lambda facts: model(tried, facts))
        return found.spread + found.loss

    least = cost(best)
    for _ in range(rounds):
        before = least
        for name in numbers:
            for factor in (step, 1 / step):
                tried = {**best, name: best[name] * factor}
                if (now := cost(tried)) < least:
                    best, least = tried, now
        if least > 0.9999 * before:
            step = step**0.5
        if step < 1.005:
            break
    return best


def read(name: str) -> dict[str, Any]:
    """A file of `fit/data`: `machine`, `date`, `command` and what was timed. SystemExit says how to make it."""
    path = DATA / f"{name}.json"
    if not path.is_file():
        raise SystemExit(f"{path} is not there yet: fit/README.md has the command that times it")
    return json.loads(path.read_text())


def write(name: str, found: Mapping[str, Any]) -> None:
    DATA.mkdir(exist_ok=True)
    (DATA / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"{DATA / name}.json")


def show(
    numbers: Mapping[str, float],
    samples: Sequence[Sample],
    model: Callable[[Mapping[str, float], Any], float],
    better: bool,
) -> None:
    """Prints how good the model is with the code's numbers and, if `better`, with those of a fit."""
    print(judge(samples, lambda facts: model(numbers, facts)))
    if better:
        found = fit(numbers, samples, model)
        _compare(numbers, found)
        print(judge(samples, lambda facts: model(found, facts)))


def _compare(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Prints the numbers that are in the code next to those of a fit."""
    for name, number in before.items():
        print(f"{name:20} {number:10.4g} -> {after[name]:10.4g}")
