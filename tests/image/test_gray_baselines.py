"""Floors of colouring by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.image.gray_baselines import accumulate, apply_table, gray_level, make_baseline_tables


def test_means_by_grey_add_up_over_batches():
    greys = np.array([0, 0, 100, 200], np.float32).reshape(4, 1, 1, 1) / 255
    ab = np.array([[10, 0], [20, -4], [30, 6], [0, 8]], np.float32).reshape(4, 1, 1, 2)
    counted = accumulate(greys[:3], ab[:3]) + accumulate(greys[3:], ab[3:])
    np.testing.assert_array_equal(counted, accumulate(greys, ab))
    tables = make_baseline_tables(counted)
    assert list(tables) == ["grey", "mean_colour", "grey_lookup"]
    assert not tables["grey"].any()
    np.testing.assert_allclose(tables["mean_colour"], np.tile([15, 2.5], (256, 1)))
    lookup = tables["grey_lookup"]
    np.testing.assert_allclose(lookup[[0, 100, 200]], [[15, -2], [30, 6], [0, 8]])
    np.testing.assert_allclose(lookup[150], [15, 7])  # halfway between two levels that there are
    np.testing.assert_allclose(lookup[255], [0, 8])


def test_a_lookup_is_the_best_that_grey_alone_can_do():
    draws = np.random.default_rng(0)
    greys = draws.integers(0, 4, (2, 8, 8, 1)).astype(np.float32) / 3
    ab = (greys * [30, -20] + draws.normal(0, 5, (2, 8, 8, 2))).astype(np.float32)
    tables = make_baseline_tables(accumulate(greys, ab))
    errors = {
        name: np.square(np.asarray(apply_table(table, jnp.asarray(greys))) - ab).mean()
        for name, table in tables.items()
    }
    assert errors["grey_lookup"] < errors["mean_colour"] < errors["grey"]
    by_hand = np.mean(
        [
            ab[..., c][greys[..., 0] == g].var() * (greys == g).mean()
            for g in np.unique(greys)
            for c in (0, 1)
        ]
    )
    np.testing.assert_allclose(errors["grey_lookup"], 4 * by_hand, rtol=1e-5)


def test_levels_are_those_of_8_bits_in_both_libraries():
    greys = np.arange(256, dtype=np.float32) / 255
    np.testing.assert_array_equal(gray_level(greys), np.arange(256))
    np.testing.assert_array_equal(jax.jit(gray_level)(jnp.asarray(greys)), np.arange(256))
    np.testing.assert_array_equal(gray_level(np.array([-0.2, 1.7], np.float32)), [0, 255])
