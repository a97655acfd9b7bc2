"""What to prune, how, and how far."""

# pyright: strict

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from rt3d_mlir.errors import ConfigError, did_you_mean
from rt3d_mlir.sparsity import GroupSize, Sparsity

ALGORITHMS = ("reweighted", "fixed", "heuristic")
NORMS = ("l2", "l1", "mixed")
_GROUP = GroupSize(8, 4)


@dataclass(frozen=True)
class PruneConfig:
    """What to prune, how, and how far. Exactly one of `rate` and `ratios` is given.

    Raises ConfigError for a value outside its range, and for values that contradict each other.
    """

    sparsity: str = "kgs"
    """"kgs", "vanilla" or "filter": what a unit is; see :class:`rt3d_mlir.sparsity.Sparsity`."""
    group: GroupSize = _GROUP
    """Filter sparsity removes `group.m` filters at a time: 1x4 makes each filter a unit of its own."""
    algorithm: str = "reweighted"
    """"reweighted", "fixed" (group lasso) or "heuristic" (first-order importance); RT3D, AAAI 2021, sec. 4."""
    rate: float | None = None
    """Dense MACs / MACs left of the whole network, to be reached by one global threshold."""
    ratios: Mapping[str, float] | None = None
    """The share of units to remove, 0 <= ratio < 1, by parameter name; layers that are not named stay dense."""
    balanced: bool = False
    """KGS only: every row of groups of a layer keeps the same number of kernel locations, which is equal work."""
    strength: float = 2e-2
    """Lambda of the penalty, on the scale of a weight decay; see :mod:`rt3d_mlir.pruning.penalty` for what fits."""
    norm: str = "l2"
    """"l2", "l1" or "mixed" (their mean): the norm of a unit in the penalty."""
    refresh: int = 3
    """Epochs between two updates of the reweighting factors P."""
    epsilon: float = 1e-2
    """Bounds P at 1 / epsilon. Relative: a unit counts as near zero below sqrt(epsilon) of its layer's rms."""
    flops_weighted: bool = True
    """Layers are pulled in proportion to their MACs, the mean over layers staying 1."""
    exclude: Sequence[str] = ()
    """Names of parameters that stay dense, besides those that :func:`prepare` leaves dense by itself."""

    def __post_init__(self) -> None:
        Sparsity.parse(self.sparsity)
        _one_of("algorithm", self.algorithm, ALGORITHMS)
        _one_of("norm", self.norm, NORMS)
        object.__setattr__(self, "sparsity", str(self.sparsity))
        object.__setattr__(self, "exclude", tuple(self.exclude))
        self._check_target()
        if self.balanced and self.sparsity != Sparsity.KGS:
            raise ConfigError(f"balanced is for kgs sparsity only, not for {self.sparsity}: leave it out")
        for name in ("strength", "epsilon"):
            _number(name, getattr(self, name), "a number above 0", lambda value: value > 0)
        if type(self.refresh) is not int or self.refresh < 1:
            raise ConfigError(f"refresh {self.refresh!r}: expected a whole number of epochs, at least 1")

    def _check_target(self) -> None:
        if (self.rate is None) == (self.ratios is None):
            seen = "neither" if self.rate is None else "both"
            raise ConfigError(f"{seen} of rate and ratios: expected exactly one, as in rate 2.6")
        if self.rate is not None:
            _number("rate", self.rate, "above 1, as in 2.6 for 2.6x fewer MACs", lambda rate: rate > 1)
        if self.ratios is None:
            return
        if not self.ratios:
            raise ConfigError("ratios are empty: expected at least one layer, as in 'conv2.weight: 0.85'")
        for name, ratio in self.ratios.items():
            _number(f"{name}: ratio", ratio, "the share to remove, 0 <= ratio < 1", lambda value: 0 <= value < 1)
            if name in self.exclude:
                raise ConfigError(f"{name} has a ratio and is excluded: expected one of the two")
        object.__setattr__(self, "ratios", dict(self.ratios))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PruneConfig":
        """A configuration from plain values, the group as "8x4".

        Raises ConfigError for unknown keys and values of another type, and as the constructor does.
        """
        known = [field.name for field in fields(cls)]
        for key, value in values.items():
            if key not in known:
                raise ConfigError(f"unknown key {key!r}: expected {', '.join(known)}{did_you_mean(key, known)}")
            types, expected = _TYPES.get(key, ((object,), ""))
            if not isinstance(value, types):
                raise ConfigError(f"{key} {value!r}: expected {expected}")
        parsed: dict[str, Any] = dict(values)
        if isinstance(parsed.get("group"), str):
            parsed["group"] = GroupSize.parse(parsed["group"])
        return cls(**parsed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold; `from_dict` gives an equal configuration back."""
        return {**asdict(self), "group": str(self.group), "exclude": list(self.exclude)}


_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "sparsity": ((str,), "text"),
    "group": ((str, GroupSize), "a group size, as in 8x4"),
    "algorithm": ((str,), "text"),
    "norm": ((str,), "text"),
    "ratios": ((Mapping, type(None)), "a mapping of parameter names to shares"),
    "balanced": ((bool,), "true or false"),
    "flops_weighted": ((bool,), "true or false"),
    "exclude": ((list, tuple), "a list of parameter names"),
}


def _one_of(key: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"{key} {value!r}: expected {', '.join(known)}{did_you_mean(str(value), known)}")


def _number(key: str, value: object, expected: str, fits: Callable[[float], bool]) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not fits(value):
        raise ConfigError(f"{key} {value!r}: expected {expected}")
