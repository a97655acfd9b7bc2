"""The hard prune: which units go, so that the whole network reaches a rate, or each layer its ratio.

Within a layer units go in the order of their energy per weight (squared norm, or importance). Across layers one
threshold on

    score(u) = energy of u / energy of the units of its layer that would go after u / MACs of u

decides. The first quotient is LAMP's (Lee et al., ICLR 2021): what share of the layer's remaining signal goes with
u. It does not depend on the scale of a layer's weights, and it rises to 1 as a layer empties, so no layer is
bled dry while another is full. Dividing by the MACs asks what the threshold is there to decide: where does a MAC
saved cost least? Two layers whose units all have energy 1, with 8 and 2 MACs, a MAC a unit:

    layer a   1/8  1/7  1/6  1/5  1/4  1/3  1/2  1          layer b   1/2  1

A threshold of 0.3 keeps 3 units of a, and both of b: equal energies end with equal MACs, and large layers pay first.
Units that regularization drove to zero score next to nothing, and go first wherever they are.
"""

# pyright: strict

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

#: A layer keeps at least this share of its units, and never less than one, when only a rate is asked for.
LEAST_SHARE = 0.02


@dataclass(frozen=True, eq=False)
class Candidates:
    """The units of one layer. They go in steps: one unit, or one of each row of groups when balanced."""

    energies: NDArray[np.float64]
    """[P, ...]: of each unit; the first axis is its row of groups."""
    sizes: NDArray[np.int64]
    """Real weights of each unit."""
    macs_per_weight: int
    balanced: bool

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """[steps, units of a step]: flat indices of units, in the order in which they go."""
        rows = self.energies.shape[0] if self.balanced else 1
        density = (self.energies / self.sizes).reshape(rows, -1)
        in_row = np.argsort(density, axis=1, kind="stable")
        return (in_row + density.shape[1] * np.arange(rows)[:, None]).T

    @cached_property
    def macs(self) -> NDArray[np.int64]:
        """[steps]: what each step saves."""
        return self.sizes.ravel()[self.order].sum(axis=1) * self.macs_per_weight

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """[steps], rising."""
        energies = self.energies.ravel()[self.order].sum(axis=1)
        remaining = np.cumsum(energies[::-1])[::-1]
        share = np.divide(energies, remaining, out=np.zeros_like(energies), where=remaining > 0)
        return np.maximum.accumulate(share / self.macs)  # steps of unequal size may be out of order by a little

    @cached_property
    def removable(self) -> int:
        """How many steps a global threshold may take."""
        return len(self.order) - max(1, math.ceil(LEAST_SHARE * len(self.order)))

    def keep_after(self, steps: int) -> NDArray[np.bool_]:
        """[units]: what is left after so many steps."""
        keep = np.ones(self.energies.size, np.bool_)
        keep[self.order[:steps].ravel()] = False
        return keep


def highest_rate(layers: Mapping[str, Candidates], total_macs: int) -> float:
    """The rate that is left when each layer gives all that it may."""
    return total_macs / (total_macs - sum(int(layer.macs[: layer.removable].sum()) for layer in layers.values()))


def by_rate(layers: Mapping[str, Candidates], total_macs: int, rate: float) -> dict[str, NDArray[np.bool_]]:
    """keep[units] by layer, for a rate of total MACs / MACs left as near to `rate` as whole steps allow.

    A rate beyond `highest_rate` gives that.
    """
    scores = np.concatenate([layer.scores[: layer.removable] for layer in layers.values()])
    macs = np.concatenate([layer.macs[: layer.removable] for layer in layers.values()])
    owner = np.repeat(np.arange(len(layers)), [layer.removable for layer in layers.values()])
    order = np.argsort(scores, kind="stable")
    saved = np.concatenate([[0], np.cumsum(macs[order])])
    taken = int(np.abs(saved - (total_macs - total_macs / rate)).argmin())
    steps = np.bincount(owner[order[:taken]], minlength=len(layers))
    return {name: layer.keep_after(int(count)) for (name, layer), count in zip(layers.items(), steps, strict=True)}


def by_ratio(layer: Candidates, ratio: float) -> NDArray[np.bool_]:
    """keep[units] after the share `ratio` of the steps, rounded, but never the last one."""
    steps = len(layer.order)
    return layer.keep_after(min(round(ratio * steps), steps - 1))
