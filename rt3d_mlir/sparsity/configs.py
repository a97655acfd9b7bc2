"""Pruning ratios by layer: the published configurations behind the RT3D paper's tables, and the user's own.

A ratio is the fraction of a layer's weights to remove; a layer that is not named stays dense. The shipped
configurations are named by the MAC rate that they give, dense MACs / MACs left over the whole model, which is
not always the rate in the published file's name. They reproduce the FLOPs of the paper's table 1 (AAAI 2021).
"""

# pyright: strict

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any, cast

import yaml
from numpy.typing import NDArray

from rt3d_mlir.errors import ConfigError, did_you_mean
from rt3d_mlir.sparsity.files import check_finite
from rt3d_mlir.sparsity.groups import GroupSize
from rt3d_mlir.sparsity.magnitude import magnitude_mask
from rt3d_mlir.sparsity.mask_set import MaskSet
from rt3d_mlir.sparsity.patterns import Sparsity

_SHIPPED = resources.files("rt3d_mlir.sparsity") / "configs"
_SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True)
class PruneRatios:
    """Ratios by parameter name. Raises ConfigError for one outside [0, 1), or for none at all."""

    name: str
    model: str | None
    """The model the ratios were made for, as in `rt3d_mlir.models`; None if the file does not say."""
    source: str
    """Where the ratios come from: a published file, or the user's."""
    mac_rate: float | None
    """Dense MACs / MACs left for the paper's input size, if known."""
    ratios: dict[str, float]

    def __post_init__(self) -> None:
        if not self.ratios:
            raise ConfigError(f"{self.name}: no ratios: expected at least one layer, as in 'conv2.weight: 0.85'")
        for layer, ratio in self.ratios.items():
            if type(ratio) not in (int, float) or not 0 <= ratio < 1:
                raise ConfigError(
                    f"{self.name}: {layer}: ratio {ratio!r}: expected the fraction to remove, 0 <= ratio < 1"
                )


def config_names() -> list[str]:
    """The shipped configurations, sorted."""
    return sorted(item.name.removesuffix(".json") for item in _SHIPPED.iterdir() if item.name.endswith(".json"))


def load_config(name_or_path: str | PathLike[str]) -> PruneRatios:
    """A shipped configuration by name ("c3d-3.57x"), or a file by its path (.yaml, .yml or .json).

    A file holds all fields of PruneRatios ("ratios" at least), or the published form
    `prune_ratios: {conv2.weight: 0.85}`, or the bare mapping. Raises ConfigError for an unknown name, a file
    that is missing or damaged, unknown keys and bad ratios.
    """
    path = Path(name_or_path)
    if path.suffix in _SUFFIXES:
        return _from_document(_read(path), path)
    names = config_names()
    if str(name_or_path) not in names:
        raise ConfigError(
            f"no shipped configuration {str(name_or_path)!r}: expected a path that ends in "
            f"{', '.join(_SUFFIXES)}, or one of {', '.join(names)}{did_you_mean(str(name_or_path), names)}"
        )
    text = (_SHIPPED / f"{name_or_path}.json").read_text(encoding="utf-8")
    return PruneRatios(**json.loads(text))


def masks_for(
    config: PruneRatios,
    weights: Mapping[str, NDArray[Any]],
    group: GroupSize,
    sparsity: str = Sparsity.KGS,
    transposed: Collection[str] = (),
) -> MaskSet:
    """Magnitude masks of every layer that `config` names, for `weights` by parameter name.

    `transposed` are the weights [N, M, Kd, Kh, Kw] of transposed convolutions among them, as
    :func:`rt3d_mlir.models.transposed_weights` lists them.

    Raises ConfigError for a layer that is not in `weights`, and as `magnitude_mask` does.
    """
    for layer in config.ratios:
        if layer not in weights:
            raise ConfigError(
                f"{config.name}: no layer {layer!r} in the model: expected a parameter's name, "
                f"as in 'conv2.weight'{did_you_mean(layer, weights)}"
            )
    pruned = {layer: weights[layer] for layer in config.ratios}
    check_finite(pruned)
    turned = {name: weight.swapaxes(0, 1) if name in transposed else weight for name, weight in pruned.items()}
    return MaskSet(
        group=group,
        sparsity=sparsity,
        masks={name: magnitude_mask(turned[name], group, config.ratios[name], sparsity) for name in pruned},
        shapes={name: weight.shape for name, weight in pruned.items()},
        transposed=frozenset(transposed) & pruned.keys(),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        document: object = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not valid {path.suffix[1:]}: {error}") from error
    if not _is_mapping(document):
        raise ConfigError(f"{path}: expected a mapping of layer names to ratios, as in 'conv2.weight: 0.85'")
    return cast("dict[str, Any]", document)


def _from_document(document: dict[str, Any], path: Path) -> PruneRatios:
    fields: dict[str, Any] = {"name": path.stem, "model": None, "source": str(path), "mac_rate": None}
    if "prune_ratios" in document:
        _reject_unknown(document, ("prune_ratios",), path)
        fields["ratios"] = document["prune_ratios"]
    elif "ratios" in document:
        _reject_unknown(document, tuple(_FIELDS), path)
        fields |= document
    else:
        fields["ratios"] = document
    for key, (fits, expected) in _FIELDS.items():
        if not fits(fields[key]):
            raise ConfigError(f"{path}: {key} {fields[key]!r}: expected {expected}")
    try:
        return PruneRatios(**fields)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _reject_unknown(document: dict[str, Any], known: tuple[str, ...], path: Path) -> None:
    for key in document:
        if key not in known:
            raise ConfigError(f"{path}: unknown key {key!r}: expected {', '.join(known)}{did_you_mean(key, known)}")


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in cast("dict[Any, Any]", value))


_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "name": (lambda value: isinstance(value, str), "text"),
    "model": (lambda value: isinstance(value, str | None), "a model's name"),
    "source": (lambda value: isinstance(value, str), "text"),
    "mac_rate": (lambda value: isinstance(value, float | int | None), "a number"),
    "ratios": (_is_mapping, "a mapping of layer names to ratios"),
}
