"""Baselines of colorization worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.image.gray_baselines import accumulate, apply_table, gray_level, make_baseline_tables


def test_sums_add_up_over_batches():
    grays = np.array([0, 0, 100, 200], np.float32).reshape(4, 1, 1, 1) / 255
    ab = np.array([[10, 0], [20, -4], [30, 6], [0, 8]], np.float32).reshape(4, 1, 1, 2)
    sums = accumulate(grays[:3], ab[:3]) + accumulate(grays[3:], ab[3:])
    np.testing.assert_array_equal(sums, accumulate(grays, ab))
    tables = make_baseline_tables(sums)
    assert list(tables) == ["gray", "mean_color", "gray_lookup"]
    assert not tables["gray"].any()
    np.testing.assert_allclose(tables["mean_color"], np.tile([15, 2.5], (256, 1)))
    lookup = tables["gray_lookup"]
    np.testing.assert_allclose(lookup[[0, 100, 200]], [[15, -2], [30, 6], [0, 8]])
    np.testing.assert_allclose(lookup[150], [15, 7])  # halfway between two levels that occur
    np.testing.assert_allclose(lookup[255], [0, 8])


def test_the_lookup_is_the_best_function_of_gray():
    rng = np.random.default_rng(0)
    grays = rng.integers(0, 4, (2, 8, 8, 1)).astype(np.float32) / 3
    ab = (grays * [30, -20] + rng.normal(0, 5, (2, 8, 8, 2))).astype(np.float32)
    tables = make_baseline_tables(accumulate(grays, ab))
    errors = {
        name: np.square(np.asarray(apply_table(table, jnp.asarray(grays))) - ab).mean()
        for name, table in tables.items()
    }
    assert errors["gray_lookup"] < errors["mean_color"] < errors["gray"]
    variance = np.mean(
        [
            ab[..., c][grays[..., 0] == g].var() * (grays == g).mean()
            for g in np.unique(grays)
            for c in (0, 1)
        ]
    )
    np.testing.assert_allclose(errors["gray_lookup"], 4 * variance, rtol=1e-5)


def test_gray_levels_agree_in_numpy_and_jax():
    grays = np.arange(256, dtype=np.float32) / 255
    np.testing.assert_array_equal(gray_level(grays), np.arange(256))
    np.testing.assert_array_equal(jax.jit(gray_level)(jnp.asarray(grays)), np.arange(256))
    np.testing.assert_array_equal(gray_level(np.array([-0.2, 1.7], np.float32)), [0, 255])
