"""What the hosts of these tests have in common: a pruned net, what is shown of a module, a check by numbers."""

import sys

import iree.compiler.ir as ir
import iree.runtime
import numpy as np
import torch
from torch import nn

from rt3d_mlir.passes.packing_report import Report

CLIP = (1, 3, 4, 8, 8)


class Net(nn.Module):
    """Conv, batch norm, ReLU, pool, a conv of which half of the 8x4 groups are zero, a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv3d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm3d(8)
        self.pool = nn.MaxPool3d(2)
        self.conv2 = nn.Conv3d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 2 * 4 * 4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv2(self.pool(self.bn1(self.conv1(x)).relu())).relu().flatten(1))


@torch.no_grad()
def make() -> tuple[Net, torch.Tensor]:
    """The net, the same in each process, and a clip."""
    torch.manual_seed(0)
    net = Net().eval()
    net.bn1.bias.normal_()
    net.bn1.weight.uniform_(0.5, 2)
    net.conv2.weight[:8, :4] = 0
    net.conv2.weight[8:, 4:] = 0
    return net, torch.randn(CLIP)


def show(report: Report, root: ir.Operation) -> None:
    """The report and the module, for FileCheck; without numbers, and without the kernels."""
    for layer in report.layers:
        print(f"layer {layer.name}: {layer.kept_share:.0%} kept, packed: {layer.packed}")
    for note in report.notes:
        print(f"note {note}")
    root.verify()
    for op in root.regions[0].blocks[0].operations:
        if op.operation.name != "hal.executable.source":
            print(op.operation.get_asm(large_elements_limit=4, large_resource_limit=4))


def check(
    vmfb: bytes,
    net: nn.Module,
    clip: torch.Tensor,
    function: str = "main",
    parameters: dict[str, np.ndarray] | None = None,
) -> None:
    """Runs a function of a module on a clip; ends the test where it differs from PyTorch in float64."""
    config = iree.runtime.Config("local-sync")
    modules = [iree.runtime.VmModule.copy_buffer(config.vm_instance, vmfb)]
    if parameters:
        index = iree.runtime.ParameterIndex()
        for name, array in parameters.items():
            index.add_buffer(name, array)
        provider = index.create_provider(scope="model")
        modules.insert(0, iree.runtime.create_io_parameters_module(config.vm_instance, provider))
    ours = iree.runtime.load_vm_modules(*modules, config=config)[-1][function](clip.numpy()).to_host()
    with torch.no_grad():
        expected = net.double()(clip.double()).numpy()
    error = np.abs(ours - expected).max() / np.abs(expected).max()
    if not (ours.shape == expected.shape and error < 1e-5):
        sys.exit(f"{ours.shape}, expected {expected.shape}; relative error {error}")
    print("the same as PyTorch")
