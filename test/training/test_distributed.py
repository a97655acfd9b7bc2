"""Two processes on one machine (gloo) train what one would: each has half of every batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import two_processes

from rt3d_mlir.errors import TrainingError
from rt3d_mlir.training.distributed import join


@pytest.mark.parametrize("algorithm", ["reweighted", "heuristic"])
def test_two_processes_train_as_one(tmp_path: Path, algorithm: str):
    threads = torch.get_num_threads()
    try:
        two_processes.main(tmp_path, algorithm)
    finally:
        torch.set_num_threads(threads)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, two_processes.__file__, str(tmp_path), algorithm],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    one, left, right = (
        torch.load(tmp_path / f"{algorithm}-{name}.pt", weights_only=True) for name in ("1-0", "2-0", "2-1")
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


@pytest.mark.skipif(torch.cuda.device_count() > 7, reason="there is such a device")
def test_a_gpu_that_is_not_there():
    with pytest.raises(TrainingError, match=r"this machine has \d CUDA devices, number 7 is not there"), join("cuda:7"):
        pass
