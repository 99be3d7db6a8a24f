import numpy as np
import pytest

from gv_jax.data.batches import indices, padded, perm, steps_per_epoch


def test_golden_values():
    """The order of a seed is a promise: resumed runs and published numbers depend on it."""
    np.testing.assert_array_equal(perm(0, 0, 8), [0, 2, 1, 5, 4, 3, 6, 7])
    np.testing.assert_array_equal(perm(7, 3, 8), [2, 5, 7, 3, 0, 6, 4, 1])


def test_an_order_is_the_rank_of_philox_words():
    philox = np.random.Philox(key=7 + 3 * 2**64)  # the low word is the seed
    words = [int(word) for word in philox.random_raw(50)]
    assert perm(7, 3, 50).tolist() == sorted(range(50), key=words.__getitem__)


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_an_order_has_every_sample_once(n):
    order = perm(3, 5, n)
    assert order.dtype == np.int32
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_orders_differ_by_seed_and_by_epoch():
    orders = {tuple(perm(seed, epoch, 30)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_an_order_cannot_be_changed_by_its_users():
    with pytest.raises(ValueError, match="read-only"):
        perm(0, 0, 8)[0] = 1


def test_every_place_is_equally_likely():
    firsts = np.bincount([perm(1, epoch, 4)[0] for epoch in range(4000)], minlength=4)
    assert (abs(firsts - 1000) < 5 * np.sqrt(750)).all()  # binomial: standard deviation 27


def test_a_pass_is_cut_into_batches_without_its_short_end():
    batches = [indices(0, step, 10, 3) for step in range(6)]
    np.testing.assert_array_equal(np.concatenate(batches[:3]), perm(0, 0, 10)[:9])
    np.testing.assert_array_equal(np.concatenate(batches[3:]), perm(0, 1, 10)[:9])


def test_other_samples_are_left_out_in_other_passes():
    left_out = {int(perm(0, epoch, 10)[9]) for epoch in range(20)}
    assert len(left_out) > 3


def test_a_pass_that_divides_evenly_shows_every_sample():
    shown = np.concatenate([indices(4, step, 12, 4) for step in range(6, 9)])
    np.testing.assert_array_equal(np.sort(shown), np.arange(12))


@pytest.mark.parametrize("step", range(9))
def test_a_batch_larger_than_the_set_is_full(step):
    laid_end_to_end = np.concatenate([perm(2, epoch, 5) for epoch in range(20)])
    np.testing.assert_array_equal(indices(2, step, 5, 7), laid_end_to_end[7 * step : 7 * step + 7])
    assert indices(2, step, 5, 7).dtype == np.int32


@pytest.mark.parametrize(("n", "batch", "steps"), [(10, 3, 3), (9, 3, 3), (5, 7, 1), (5, 5, 1)])
def test_steps_per_epoch(n, batch, steps):
    assert steps_per_epoch(n, batch) == steps


def test_evaluation_is_padded_with_the_first_sample_and_masked():
    batches = list(padded(5, 3))
    np.testing.assert_array_equal([chosen for chosen, _ in batches], [[0, 1, 2], [3, 4, 0]])
    np.testing.assert_array_equal([mask for _, mask in batches], [[True, True, True], [True, True, False]])
    assert all(chosen.dtype == np.int32 and mask.dtype == bool for chosen, mask in batches)


@pytest.mark.parametrize(("n", "batch"), [(1, 4), (4, 4), (9, 4), (100, 7)])
def test_evaluation_sees_every_sample_once(n, batch):
    batches = list(padded(n, batch))
    assert sum(int(mask.sum()) for _, mask in batches) == n
    np.testing.assert_array_equal(np.concatenate([chosen[mask] for chosen, mask in batches]), np.arange(n))
    assert {len(chosen) for chosen, _ in batches} == {batch}
