"""Which samples make which batch: a function of (seed, epoch, step), so a resume needs nothing saved."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

Sampler = Callable[
    [int, int, int], np.ndarray
]  # (seed, epoch, n) -> which samples that pass takes: int32 [n]


@lru_cache(maxsize=4)  # a pass asks for the same one at every step
def shuffled(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order of pass `epoch` over `n` samples: int32 [n], read-only. Seed and epoch are in [0, 2^64).

    The rank of Philox's raw output, whose stream NumPy promises to keep; that of `Generator.permutation` it
    does not.
    """
    order = (
        np.random.Philox(key=np.array([seed, epoch], np.uint64))
        .random_raw(n)
        .argsort(kind="stable")
    )
    order = order.astype(np.int32)
    order.setflags(write=False)
    return order


def class_balanced(labels: np.ndarray) -> Sampler:
    """Passes of draws with replacement in which every class of `labels` (integers [n]) is equally likely.

    Within a class all samples are; it is PyTorch's WeightedRandomSampler with weights of 1/count. A pass is as long
    as the set, but leaves some samples out and takes others more than once.
    """
    weights = 1 / np.bincount(labels)[labels]
    ends = (weights.cumsum() / weights.sum())[:-1]

    @lru_cache(maxsize=4)
    def order(seed: int, epoch: int, n: int) -> np.ndarray:
        raw = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(n)
        drawn = np.searchsorted(ends, (raw >> np.uint64(11)) * 2.0**-53, side="right").astype(
            np.int32
        )
        drawn.setflags(write=False)
        return drawn

    return order


def steps_per_epoch(n: int, batch: int) -> int:
    """Full batches in one pass over `n` samples; 1 if a batch is larger than that."""
    return max(n // batch, 1)


def batch_indices(
    seed: int, step: int, n: int, batch: int, order: Sampler = shuffled
) -> np.ndarray:
    """The training batch of `step`, counted from 0 over all passes: int32 [batch].

    A pass leaves its last short batch out, other samples each time. Where a batch is larger than the set,
    batches are cut from passes laid end to end, so they are full too.
    """
    if batch <= n:
        epoch, within = divmod(step, n // batch)
        return order(seed, epoch, n)[within * batch : (within + 1) * batch]
    first, start = divmod(step * batch, n)
    passes = -(-(start + batch) // n)
    return np.concatenate([order(seed, first + i, n) for i in range(passes)])[start : start + batch]


def padded_batches(n: int, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All samples in order, for evaluation: (indices int32 [batch], mask bool [batch]).

    The mask is false where index 0 fills up the last batch.
    """
    for start in range(0, n, batch):
        chosen = np.arange(start, start + batch, dtype=np.int32)
        mask = chosen < n
        yield np.where(mask, chosen, np.int32(0)), mask
