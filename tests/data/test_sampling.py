"""Samplers against the definition on Philox's raw output, and golden values."""

import numpy as np
import pytest

from gv_jax.data.sampling import (
    batch_indices,
    class_balanced,
    make_sampler,
    padded_batches,
    shuffled,
    steps_per_epoch,
)
from gv_jax.errors import UserError

LABELS = np.repeat([0, 1, 2], [80, 15, 5])


def philox_words(seed, epoch, count):
    generator = np.random.Philox(key=seed + epoch * 2**64)  # the low word is the seed
    return [int(word) for word in generator.random_raw(count)]


def test_golden_values():
    """Resumed runs and published results depend on the permutations of a seed."""
    np.testing.assert_array_equal(shuffled(0, 0, 8), [0, 2, 1, 5, 4, 3, 6, 7])
    np.testing.assert_array_equal(shuffled(7, 3, 8), [2, 5, 7, 3, 0, 6, 4, 1])


def test_a_permutation_is_the_rank_of_philox_words():
    words = philox_words(7, 3, 50)
    assert shuffled(7, 3, 50).tolist() == sorted(range(50), key=words.__getitem__)


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_a_permutation_has_every_sample_once(n):
    indices = shuffled(3, 5, n)
    assert indices.dtype == np.int32
    np.testing.assert_array_equal(np.sort(indices), np.arange(n))


def test_permutations_differ_by_seed_and_epoch():
    permutations = {tuple(shuffled(seed, epoch, 30)) for seed in range(5) for epoch in range(5)}
    assert len(permutations) == 25


def test_a_permutation_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        shuffled(0, 0, 8)[0] = 1


def test_every_position_is_equally_likely():
    counts = np.bincount([shuffled(1, epoch, 4)[0] for epoch in range(4000)], minlength=4)
    assert (abs(counts - 1000) < 5 * np.sqrt(750)).all()  # binomial: standard deviation 27


def test_an_epoch_is_divided_into_batches_without_the_short_one():
    batches = [batch_indices(0, step, 10, 3) for step in range(6)]
    np.testing.assert_array_equal(np.concatenate(batches[:3]), shuffled(0, 0, 10)[:9])
    np.testing.assert_array_equal(np.concatenate(batches[3:]), shuffled(0, 1, 10)[:9])


def test_epochs_omit_different_samples():
    omitted = {int(shuffled(0, epoch, 10)[9]) for epoch in range(20)}
    assert len(omitted) > 3


def test_an_epoch_without_a_short_batch_has_every_sample():
    indices = np.concatenate([batch_indices(4, step, 12, 4) for step in range(6, 9)])
    np.testing.assert_array_equal(np.sort(indices), np.arange(12))


@pytest.mark.parametrize("step", range(9))
def test_a_batch_larger_than_the_data_set_is_full(step):
    epochs = np.concatenate([shuffled(2, epoch, 5) for epoch in range(20)])
    batch = batch_indices(2, step, 5, 7)
    np.testing.assert_array_equal(batch, epochs[7 * step : 7 * step + 7])
    assert batch.dtype == np.int32


@pytest.mark.parametrize(
    ("n", "batch_size", "steps"), [(10, 3, 3), (9, 3, 3), (5, 7, 1), (5, 5, 1)]
)
def test_steps_per_epoch(n, batch_size, steps):
    assert steps_per_epoch(n, batch_size) == steps


def test_evaluation_is_padded_with_the_first_sample_and_masked():
    indices, masks = zip(*padded_batches(5, 3), strict=True)
    np.testing.assert_array_equal(indices, [[0, 1, 2], [3, 4, 0]])
    np.testing.assert_array_equal(masks, [[True, True, True], [True, True, False]])
    assert {array.dtype for array in indices} == {np.dtype(np.int32)}
    assert {mask.dtype for mask in masks} == {np.dtype(bool)}


@pytest.mark.parametrize(("n", "batch_size"), [(1, 4), (4, 4), (9, 4), (100, 7)])
def test_evaluation_has_every_sample_once(n, batch_size):
    batches = list(padded_batches(n, batch_size))
    assert sum(int(mask.sum()) for _, mask in batches) == n
    valid = np.concatenate([indices[mask] for indices, mask in batches])
    np.testing.assert_array_equal(valid, np.arange(n))
    assert {len(indices) for indices, _ in batches} == {batch_size}


def test_balanced_epochs_draw_every_class_equally_often():
    sampler = class_balanced(LABELS)
    samples = np.concatenate([sampler(0, epoch, 100) for epoch in range(300)])
    classes = np.bincount(LABELS[samples]) / len(samples)
    np.testing.assert_allclose(classes, 1 / 3, atol=0.01)  # standard deviation 0.0027
    last_class = np.bincount(samples, minlength=100)[95:] / (LABELS[samples] == 2).sum()
    np.testing.assert_allclose(last_class, 0.2, atol=0.015)


def test_balanced_epochs_are_a_function_of_seed_and_epoch():
    sampler, other = class_balanced(LABELS), class_balanced(LABELS.copy())
    np.testing.assert_array_equal(sampler(3, 5, 100), other(3, 5, 100))
    epochs = {tuple(sampler(seed, epoch, 100)) for seed in range(3) for epoch in range(3)}
    assert len(epochs) == 9
    # An epoch has 12 batches, so step 13 is the second batch of the second epoch.
    second = batch_indices(7, 13, 100, 8, sampler)
    np.testing.assert_array_equal(second, sampler(7, 1, 100)[8:16])
    assert sampler(0, 0, 100).dtype == np.int32


def test_balanced_samples_invert_the_distribution_at_philox_words():
    boundaries = [1 / 6, 1 / 3, 1 / 2]
    expected = [
        int(np.searchsorted(boundaries, word / 2**64, side="right"))
        for word in philox_words(7, 3, 8)
    ]
    np.testing.assert_array_equal(class_balanced(np.array([0, 0, 0, 1]))(7, 3, 8), expected)


def test_samplers_by_name():
    assert make_sampler("shuffled", LABELS) is shuffled
    balanced = make_sampler("balanced", LABELS)
    np.testing.assert_array_equal(balanced(1, 2, 100), class_balanced(LABELS)(1, 2, 100))
    with pytest.raises(UserError, match=r"config\.train\.sampling.*'balancd'.*'balanced'"):
        make_sampler("balancd", LABELS)
