"""python -m elsewhere.export NAME... -o DIR: builds nets of other packages and writes what a compile is checked with.

Runs in the environment of `make nets`. Each net gets a folder of its name: net.pt2 (or net.onnx),
inputs.npz, expected.npz and export.json. Where a net cannot be exported, export.json is alone and says why.
"""

import argparse
import copy
import json
import sys
import unittest.mock
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.utils._pytree as pytree
from elsewhere.registry import Net, all_nets
from torch import nn


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code is 0: which nets could not be exported is said in their export.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="+")
    parser.add_argument("-o", dest="output", type=Path, required=True)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    prepare_imports()
    for name in args.names:
        folder = args.output / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "export.json").write_text(json.dumps(_export(all_nets()[name], folder), indent=2))
    return 0


def build(net: Net) -> tuple[nn.Module, tuple[Any, ...]]:
    """The net in eval mode and its inputs, always the same ones."""
    model = net.build()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            _randomize(module)
    inputs = [torch.randn(shape) for shape in net.shapes]
    return model.eval(), (inputs,) if net.as_list else tuple(inputs)


def _randomize(norm: nn.modules.batchnorm._BatchNorm) -> None:
    """Statistics as of a training, where it has none: one that changes nothing would hide how it is folded."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    if not norm.running_mean.any():
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 1.5)


def prepare_imports() -> None:
    """Lets packages be imported whose compiled parts do not fit this environment; no net here runs those parts.

    torchvision's kernels are built for another build of torch, and without them its import fails where it describes two
    ops. gninatorch makes its voxel grids with molgrid, which is built for numpy 1.
    """
    library = torch.library.Library("torchvision", "DEF")
    for op in ("nms", "qnms"):
        library.define(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)
    sys.modules["molgrid"] = unittest.mock.MagicMock()


#: A library's ops live as long as it does.
_KEPT: list[torch.library.Library] = []


def _export(net: Net, folder: Path) -> dict[str, Any]:
    """Writes the files; what export.json says of them."""
    try:
        model, inputs = build(net)
        with torch.no_grad():
            expected = flat(copy.deepcopy(model).double()(*pytree.tree_map(torch.Tensor.double, inputs)))
            _save(net, model, inputs, folder)
    except Exception as error:  # packages and torch.export raise anything
        return {"error": f"{type(error).__name__}: {error}".strip()}
    np.savez(folder / "inputs.npz", *[tensor.numpy() for tensor in flat(inputs)])
    np.savez(folder / "expected.npz", *[tensor.numpy() for tensor in expected])
    return {"parameters": sum(p.numel() for p in model.parameters())}


def _save(net: Net, model: nn.Module, inputs: tuple[Any, ...], folder: Path) -> None:
    """Writes net.pt2, or net.onnx where torch.export refuses as the net says that it does."""
    try:
        torch.export.save(torch.export.export(model, fresh(inputs)), folder / "net.pt2")
    except RuntimeError as error:
        if not net.refusal or net.refusal not in str(error):
            raise
        torch.onnx.export(model, inputs, str(folder / "net.onnx"), dynamo=False)


def fresh(inputs: Any) -> Any:
    """The same tensors in new lists: SlowFast's pathways write into the list that they are given."""
    return pytree.tree_map(lambda tensor: tensor, inputs)


def flat(value: Any) -> list[torch.Tensor]:
    """The tensors of an input or an answer, in the order in which torch.export has them."""
    return pytree.tree_leaves(value)


if __name__ == "__main__":
    sys.exit(main())
