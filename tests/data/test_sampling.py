import numpy as np
import pytest

from gv_jax.data.sampling import (
    batch_indices,
    class_balanced,
    padded_batches,
    shuffled,
    steps_per_epoch,
)


def test_golden_values():
    """The order of a seed is a promise: resumed runs and published numbers depend on it."""
    np.testing.assert_array_equal(shuffled(0, 0, 8), [0, 2, 1, 5, 4, 3, 6, 7])
    np.testing.assert_array_equal(shuffled(7, 3, 8), [2, 5, 7, 3, 0, 6, 4, 1])


def test_an_order_is_the_rank_of_philox_words():
    philox = np.random.Philox(key=7 + 3 * 2**64)  # the low word is the seed
    words = [int(word) for word in philox.random_raw(50)]
    assert shuffled(7, 3, 50).tolist() == sorted(range(50), key=words.__getitem__)


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_an_order_has_every_sample_once(n):
    order = shuffled(3, 5, n)
    assert order.dtype == np.int32
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_orders_differ_by_seed_and_by_epoch():
    orders = {tuple(shuffled(seed, epoch, 30)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_an_order_cannot_be_changed_by_its_users():
    with pytest.raises(ValueError, match="read-only"):
        shuffled(0, 0, 8)[0] = 1


def test_every_place_is_equally_likely():
    firsts = np.bincount([shuffled(1, epoch, 4)[0] for epoch in range(4000)], minlength=4)
    assert (abs(firsts - 1000) < 5 * np.sqrt(750)).all()  # binomial: standard deviation 27


def test_a_pass_is_cut_into_batches_without_its_short_end():
    batches = [batch_indices(0, step, 10, 3) for step in range(6)]
    np.testing.assert_array_equal(np.concatenate(batches[:3]), shuffled(0, 0, 10)[:9])
    np.testing.assert_array_equal(np.concatenate(batches[3:]), shuffled(0, 1, 10)[:9])


def test_other_samples_are_left_out_in_other_passes():
    left_out = {int(shuffled(0, epoch, 10)[9]) for epoch in range(20)}
    assert len(left_out) > 3


def test_a_pass_that_divides_evenly_shows_every_sample():
    shown = np.concatenate([batch_indices(4, step, 12, 4) for step in range(6, 9)])
    np.testing.assert_array_equal(np.sort(shown), np.arange(12))


@pytest.mark.parametrize("step", range(9))
def test_a_batch_larger_than_the_set_is_full(step):
    laid_end_to_end = np.concatenate([shuffled(2, epoch, 5) for epoch in range(20)])
    np.testing.assert_array_equal(
        batch_indices(2, step, 5, 7), laid_end_to_end[7 * step : 7 * step + 7]
    )
    assert batch_indices(2, step, 5, 7).dtype == np.int32


@pytest.mark.parametrize(("n", "batch", "steps"), [(10, 3, 3), (9, 3, 3), (5, 7, 1), (5, 5, 1)])
def test_steps_per_epoch(n, batch, steps):
    assert steps_per_epoch(n, batch) == steps


def test_evaluation_is_padded_with_the_first_sample_and_masked():
    batches = list(padded_batches(5, 3))
    np.testing.assert_array_equal([chosen for chosen, _ in batches], [[0, 1, 2], [3, 4, 0]])
    np.testing.assert_array_equal(
        [mask for _, mask in batches], [[True, True, True], [True, True, False]]
    )
    assert all(chosen.dtype == np.int32 and mask.dtype == bool for chosen, mask in batches)


@pytest.mark.parametrize(("n", "batch"), [(1, 4), (4, 4), (9, 4), (100, 7)])
def test_evaluation_sees_every_sample_once(n, batch):
    batches = list(padded_batches(n, batch))
    assert sum(int(mask.sum()) for _, mask in batches) == n
    np.testing.assert_array_equal(
        np.concatenate([chosen[mask] for chosen, mask in batches]), np.arange(n)
    )
    assert {len(chosen) for chosen, _ in batches} == {batch}


LABELS = np.repeat([0, 1, 2], [80, 15, 5])


def test_balanced_passes_draw_every_class_alike():
    order = class_balanced(LABELS)
    drawn = np.concatenate([order(0, epoch, 100) for epoch in range(300)])
    classes = np.bincount(LABELS[drawn]) / len(drawn)
    np.testing.assert_allclose(
        classes, 1 / 3, atol=0.01
    )  # 30,000 draws: a standard deviation of 0.0027
    within = np.bincount(drawn, minlength=100)[95:] / (LABELS[drawn] == 2).sum()
    np.testing.assert_allclose(within, 0.2, atol=0.015)


def test_balanced_passes_are_a_function_of_seed_and_epoch():
    one, other = class_balanced(LABELS), class_balanced(LABELS.copy())
    np.testing.assert_array_equal(one(3, 5, 100), other(3, 5, 100))
    assert len({tuple(one(seed, epoch, 100)) for seed in range(3) for epoch in range(3)}) == 9
    np.testing.assert_array_equal(
        batch_indices(7, 13, 100, 8, one),
        one(7, 1, 100)[8:16],  # twelve batches a pass: the second of the second
    )
    assert one(0, 0, 100).dtype == np.int32


def test_balanced_golden_values():
    """A resumed run draws what it would have drawn."""
    expected = [
        int(np.searchsorted([1 / 6, 1 / 3, 1 / 2], word / 2**64, side="right"))
        for word in words(7, 3, 8)
    ]
    np.testing.assert_array_equal(class_balanced(np.array([0, 0, 0, 1]))(7, 3, 8), expected)


def words(seed, epoch, count):
    philox = np.random.Philox(key=seed + epoch * 2**64)
    return [int(word) for word in philox.random_raw(count)]
