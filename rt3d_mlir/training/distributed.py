"""One process or several: what torchrun says in the environment, and torch.distributed where there are several."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.distributed.nn  # before any group exists: its functions' defaults hold the group that they find for ever
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from rt3d_mlir.errors import TrainingError


@dataclass(frozen=True)
class World:
    """This process among those that train together, and its device."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes files and speaks."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model for forward passes whose gradients are averaged over all processes."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, [self.device] if self.device.type == "cuda" else None)

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """In place, over all processes."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def share_buffers(self, model: nn.Module) -> None:
        """The first process's batch norm statistics to all, so that they test the same model."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def gather(self, value: object) -> list[object]:
        """One value of each process, by rank."""
        if self.size == 1:
            return [value]
        values: list[object] = [None] * self.size
        dist.all_gather_object(values, value)
        return values


@contextlib.contextmanager
def join(device: str = "auto") -> Iterator[World]:
    """The world that torchrun set up (gloo on CPUs, NCCL on GPUs), or a world of one.

    `device` is cpu, cuda, cuda:1 and the like; auto takes CUDA where there is some. Raises TrainingError for a device
    that is not there.
    """
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    found = find_device(device, int(os.environ.get("LOCAL_RANK", "0")) if size > 1 else None)
    if found.type == "cuda":
        torch.cuda.set_device(found)
    if size == 1:
        yield World(found)
        return
    dist.init_process_group("nccl" if found.type == "cuda" else "gloo")
    try:
        yield World(found, rank, size)
    finally:
        dist.destroy_process_group()


def find_device(name: str, rank: int | None = None) -> torch.device:
    """The device of that name, a GPU with its number: that of the name, or `rank` where processes share a machine.

    Raises TrainingError for a device that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise TrainingError(f"device '{name}': expected cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise TrainingError(f"device '{name}': expected cpu, cuda or cuda:N")
    if device.type == "cpu":
        return device
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = rank if rank is not None else device.index or 0
    if index >= count:
        raise TrainingError(
            f"device '{name}': this machine has {count} CUDA devices, number {index} is not there; use --device cpu"
        )
    return torch.device("cuda", index)
