"""Which layers are pruned, and why the others are not.

Convolutions are, where their filters and channels fill at least one group. Left dense are linear layers (as in
the paper: they hold many weights but few MACs), grouped convolutions (their channels are not shared), the
convolution that gives the network's answer (its filters are the classes), and the first one, whose three
channels are less than a group. Ratios by name may ask for any ungrouped convolution, these last ones included. A
transposed convolution is one as others are; its weights have the input channels in front.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from rt3d_mlir.errors import ConfigError, WeightError, did_you_mean
from rt3d_mlir.models import count_macs
from rt3d_mlir.pruning.config import PruneConfig
from rt3d_mlir.pruning.units import Units
from rt3d_mlir.sparsity import GroupSize, Sparsity

_TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)
_PRUNED = (nn.Conv2d, nn.Conv3d, *_TRANSPOSED)


@dataclass(frozen=True, eq=False)
class TrainedLayer:
    """A convolution or linear layer that the model runs."""

    name: str
    """Of its parameter, as in "conv2.weight"."""
    weight: nn.Parameter
    macs: int
    """Of one forward pass while it is dense."""
    units: Units
    dense_because: str
    """Empty if the layer is pruned."""


def find_layers(model: nn.Module, config: PruneConfig, input_shape: Sequence[int]) -> list[TrainedLayer]:
    """All layers that count, in the order they run.

    Raises ModelError if the model does not take `input_shape`, WeightError for weights that are not finite, and
    ConfigError for names in `config` that are unknown or cannot be pruned, and if no layer is left to prune.
    """
    modules = {f"{name}.weight": module for name, module in model.named_modules()}
    weights = dict(model.named_parameters())
    with _evaluating(model):
        macs = count_macs(model, input_shape)
    _check_names(config, weights, modules, macs)
    layers = [
        TrainedLayer(
            name=name,
            weight=weights[name],
            macs=count,
            units=Units(
                tuple(weights[name].shape),
                config.group,
                Sparsity(config.sparsity),
                isinstance(modules[name], _TRANSPOSED),
            ),
            dense_because=_dense_because(name, modules[name], config, is_last=name == list(macs)[-1]),
        )
        for name, count in macs.items()
    ]
    if all(layer.dense_because for layer in layers):
        reasons = "; ".join(f"{layer.name}: {layer.dense_because}" for layer in layers)
        raise ConfigError(f"no layer can be pruned in groups of {config.group} ({reasons}); use smaller groups")
    for layer in layers:
        if not torch.isfinite(layer.weight).all():
            raise WeightError(f"{layer.name}: NaN or infinite weights: use a checkpoint from before the divergence")
    return layers


def _dense_because(name: str, module: nn.Module, config: PruneConfig, is_last: bool) -> str:
    if name in config.exclude:
        return "excluded"
    if config.ratios is not None:
        return "" if name in config.ratios else "no ratio names it"
    return _never(module) or _too_small(module, config.group) or ("its outputs are the answer" if is_last else "")


def _never(module: nn.Module) -> str:
    if not isinstance(module, _PRUNED):
        return "linear layers stay dense" if isinstance(module, nn.Linear) else "1D convolutions stay dense"
    return "" if module.groups == 1 else f"its channels are split in {module.groups}"


def _too_small(module: nn.Module, group: GroupSize) -> str:
    assert isinstance(module, _PRUNED)
    if module.in_channels < group.n:
        return f"{module.in_channels} input channels do not fill a group of {group}"
    if module.out_channels < group.m:
        return f"{module.out_channels} filters do not fill a group of {group}"
    return ""


def _check_names(
    config: PruneConfig, weights: Mapping[str, nn.Parameter], modules: Mapping[str, nn.Module], macs: Mapping[str, int]
) -> None:
    for name in (*config.exclude, *(config.ratios or ())):
        if name not in weights:
            raise ConfigError(
                f"no parameter {name!r} in the model: expected its full name, as in 'conv2.weight'"
                f"{did_you_mean(name, macs)}"
            )
    for name in config.ratios or ():
        reason = _never(modules[name]) if name in macs else "no convolution that this input runs through"
        if reason:
            raise ConfigError(f"{name} cannot be pruned: {reason}; leave it out of the ratios")


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """In eval mode batch norm takes clips of one position too. Each module gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
