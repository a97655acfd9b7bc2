"""A model with its final weights, before anything is known of a target: its module of floor 1 and its golden data."""

import functools
from dataclasses import dataclass

import numpy as np

from rt3d_mlir.frontend.random_numbers import check_repeats
from rt3d_mlir.frontend.source import Floor1, Source


@dataclass(frozen=True, eq=False)
class Network:
    """A source and the parameters that it is compiled with, masks applied."""

    source: Source
    parameters: dict[str, np.ndarray]

    @functools.cached_property
    def floor1(self) -> Floor1:
        """The imported module, before any pass."""
        return self.source.lower(self.parameters)

    @functools.cached_property
    def golden(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Seeded random inputs, and what the source itself answers to them.

        Where an answer is not finite, as that of a logarithm, positive inputs are taken if they give more numbers.
        Raises ModelError where it answers differently in each call.
        """
        found = []
        for positive in (False, True):
            inputs = self.source.draw_inputs(np.random.default_rng(0), positive)
            outputs = self.source.reference(self.parameters, inputs)
            lost = sum(int(np.count_nonzero(~np.isfinite(y))) for y in outputs)
            found.append((lost, inputs, outputs))
            if not lost:
                break
        _, inputs, outputs = min(found, key=lambda each: each[0])
        again = functools.partial(self.source.reference, self.parameters, inputs)
        check_repeats(self.source.name, self.floor1, outputs, again)
        return inputs, outputs
