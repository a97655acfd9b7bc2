import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt3d_mlir.errors import DataError
from rt3d_mlir.training.data import split_batches
from rt3d_mlir.training.data.base import check_labels


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 5), st.integers(1, 4))
def test_every_clip_once_whatever_the_processes(count: int, batch: int, seed: int, world: int):
    shares = [split_batches(count, batch, None, rank, world) for rank in range(world)]
    assert sorted(np.concatenate([part for share in shares for part in share])) == list(range(count))
    whole = split_batches(count, batch, (seed,))
    assert sorted(np.concatenate(whole)) == list(range(count))
    sizes = [len(part) for part in whole]
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1


def test_no_clip_is_alone():
    assert [len(part) for part in split_batches(10, 4, (0,))] == [4, 3, 3]


def test_the_order_is_the_seeds():
    first, again, other = (np.concatenate(split_batches(50, 8, seed)) for seed in ((3, 1), (3, 1), (3, 2)))
    assert (first == again).all()
    assert (first != other).any()


def test_processes_share_a_batch():
    whole = split_batches(16, 4, (0,))
    halves = [split_batches(16, 4, (0,), rank, 2) for rank in (0, 1)]
    for batch, left, right in zip(whole, *halves, strict=True):
        assert sorted([*left, *right]) == sorted(batch)


def test_fewer_clips_than_processes():
    with pytest.raises(DataError, match=r"batches of 1 from 5 clips do not reach 2 processes"):
        split_batches(5, 1, (0,), 1, 2)


@pytest.mark.parametrize(
    ("train", "test", "classes", "message"),
    [
        ([], [0], 2, "x has no training clips"),
        ([0, 1], [], 2, "x has no test clips"),
        ([1, 1], [1], 2, "all 2 training clips are of class 1: expected at least two classes"),
        ([0, 2], [0], 3, "class 1 of 3 has no training clips"),
        ([0, -1], [0], 2, "training labels go from -1 to 0: expected 0 .. 1"),
        ([0, 1], [2], 2, "test labels go from 2 to 2: expected 0 .. 1"),
    ],
)
def test_labels_of_no_use(train: list[int], test: list[int], classes: int, message: str):
    with pytest.raises(DataError, match=message):
        check_labels(np.array(train, int), np.array(test, int), classes, "x")
