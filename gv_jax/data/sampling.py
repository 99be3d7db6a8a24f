"""Sample indices of every batch: a function of (seed, epoch, step), so resuming needs no state.

The shuffles are written by hand on Philox's raw output: NumPy guarantees that stream across
versions, but not the results of `Generator.permutation` and `Generator.choice`.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from gv_jax.errors import unknown

Sampler = Callable[[int, int, int], np.ndarray]  # (seed, epoch, n) -> indices int32 [n]

SAMPLER_NAMES = ("shuffled", "balanced")


def make_sampler(name: str, labels: np.ndarray) -> Sampler:
    """The sampler of the training split.

    Args:
        name: "shuffled", or "balanced" for equally likely classes.
        labels: Labels of the training split, integers [n]; used by "balanced" only.

    Raises:
        UserError: There is no such sampler.
    """
    if name not in SAMPLER_NAMES:
        raise unknown("value of config.train.sampling", name, SAMPLER_NAMES)
    return class_balanced(labels) if name == "balanced" else shuffled


@lru_cache(maxsize=4)  # every step of an epoch needs the same permutation
def shuffled(seed: int, epoch: int, n: int) -> np.ndarray:
    """A permutation of n samples: int32 [n], read-only. Seed and epoch are in [0, 2^64)."""
    words = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(n)
    indices = words.argsort(kind="stable").astype(np.int32)
    indices.setflags(write=False)
    return indices


def class_balanced(labels: np.ndarray) -> Sampler:
    """A sampler that draws with replacement, every class of `labels` (integers [n]) equally likely.

    Samples of one class are equally likely, as in PyTorch's WeightedRandomSampler with weights
    1 / class count. An epoch draws n samples; it misses some and repeats others.
    """
    weights = 1 / np.bincount(labels)[labels]
    boundaries = (weights.cumsum() / weights.sum())[:-1]

    @lru_cache(maxsize=4)
    def sample(seed: int, epoch: int, n: int) -> np.ndarray:
        words = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(n)
        uniform = (words >> np.uint64(11)) * 2.0**-53  # [0, 1)
        indices = np.searchsorted(boundaries, uniform, side="right").astype(np.int32)
        indices.setflags(write=False)
        return indices

    return sample


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Full batches in one epoch of n samples; 1 for a batch larger than that."""
    return max(n // batch_size, 1)


def batch_indices(
    seed: int, step: int, n: int, batch_size: int, sampler: Sampler = shuffled
) -> np.ndarray:
    """The indices of one training batch.

    An epoch omits its last short batch, with different samples each time. If the batch is larger
    than the data set, batches are cut from concatenated epochs, so they are full as well.

    Args:
        seed: Seed of the sampler.
        step: Training step, from 0, over all epochs.
        n: Number of samples.
        batch_size: Samples per batch.
        sampler: Indices of an epoch.

    Returns:
        int32 [batch_size].
    """
    if batch_size <= n:
        epoch, batch = divmod(step, n // batch_size)
        return sampler(seed, epoch, n)[batch * batch_size : (batch + 1) * batch_size]
    first_epoch, start = divmod(step * batch_size, n)
    epochs = -(-(start + batch_size) // n)
    indices = np.concatenate([sampler(seed, first_epoch + i, n) for i in range(epochs)])
    return indices[start : start + batch_size]


def padded_batches(n: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All samples in order, for evaluation: (indices int32 [batch_size], mask bool [batch_size]).

    The mask is false where index 0 pads the last batch.
    """
    for start in range(0, n, batch_size):
        indices = np.arange(start, start + batch_size, dtype=np.int32)
        mask = indices < n
        yield np.where(mask, indices, np.int32(0)), mask
