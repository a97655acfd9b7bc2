"""Two processes on one machine (gloo) train what one would: each has half of every batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import two_processes

from rt3d_mlir.errors import TrainingError
from rt3d_mlir.training.distributed import find_device, join


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process and two leave behind; to start them takes longer than to train."""
    folder = tmp_path_factory.mktemp("trained")
    threads = torch.get_num_threads()
    try:
        two_processes.main(folder)
    finally:
        torch.set_num_threads(threads)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, two_processes.__file__, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("algorithm", two_processes.ALGORITHMS)
def test_two_processes_train_as_one(trained: Path, algorithm: str):
    one, left, right = (
        torch.load(trained / f"{algorithm}-{name}.pt", weights_only=True) for name in ("1-0", "2-0", "2-1")
    )
    for name, tensor in one["model"].items():
        assert torch.equal(left["model"][name], right["model"][name]), name
        torch.testing.assert_close(left["model"][name], tensor, rtol=1e-4, atol=1e-5)
    for name, mask in one["pruner"]["masks"].items():
        assert torch.equal(left["pruner"]["masks"][name], mask)
    assert left["accuracy"] == right["accuracy"] == one["accuracy"]
    assert [epoch["loss"] for epoch in left["epochs"]] == pytest.approx([e["loss"] for e in one["epochs"]], rel=1e-4)
    assert len(left["random"]) == 2
    assert not torch.equal(left["random"][0]["torch"], left["random"][1]["torch"])


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:x"])
def test_no_such_device(name: str):
    with pytest.raises(TrainingError, match=f"device '{name}': expected cpu, cuda or cuda:N"), join(name):
        pass


@pytest.mark.parametrize(("name", "rank", "number"), [("cuda", None, 0), ("cuda:1", None, 1), ("cuda", 1, 1)])
def test_a_gpu_has_its_number(name: str, rank: int | None, number: int, monkeypatch: pytest.MonkeyPatch):
    """torch.cuda.set_device takes none without."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device(name, rank) == torch.device("cuda", number)


@pytest.mark.skipif(torch.cuda.device_count() > 7, reason="there is such a device")
def test_a_gpu_that_is_not_there():
    with pytest.raises(TrainingError, match=r"this machine has \d CUDA devices, number 7 is not there"), join("cuda:7"):
        pass
