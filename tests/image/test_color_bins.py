"""Color bins against an exhaustive search, and numbers worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
from skimage.color import rgb2lab

from gv_jax.image import color_bins

ENCODE = jax.jit(color_bins.encode_bins)


def random_ab(count: int = 3000) -> np.ndarray:
    """float32 [count 2]: a and b of random colors and of the corners of the cube."""
    rgb = np.random.default_rng(0).random((count - 8, 3))
    corners = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)])
    return rgb2lab(np.concatenate([corners, rgb]))[:, 1:].astype(np.float32)


def test_bins_are_the_nearest_of_the_colors_of_the_whole_cube():
    steps = np.append(np.arange(0, 255, 3), 255)
    cube = rgb2lab(np.stack(np.meshgrid(steps, steps, steps), -1).astype(np.uint8))
    used = np.unique(np.rint(cube[..., 1:].reshape(-1, 2) / 10), axis=0) * 10
    centers = color_bins.bin_centers()
    assert len(centers) == 261
    assert {tuple(point) for point in used.tolist()} <= {tuple(point) for point in centers.tolist()}
    assert len(used) >= 258  # some are the nearest of few colors


def test_encoding_agrees_with_a_search_over_all_bins():
    ab = random_ab()
    bins, weights = ENCODE(jnp.asarray(ab))
    distances = np.linalg.norm(ab[:, None].astype(np.float64) - color_bins.bin_centers(), axis=-1)
    smallest = np.sort(distances, 1)[:, :5]
    np.testing.assert_allclose(
        np.take_along_axis(distances, np.asarray(bins), 1), smallest, atol=1e-4
    )
    expected = np.exp(-np.square(smallest) / 50)
    np.testing.assert_allclose(weights, expected / expected.sum(1, keepdims=True), atol=1e-5)


def test_the_center_of_a_bin_weighs_most():
    ab = np.zeros((3000, 2), np.float32)
    ab[:261] = color_bins.bin_centers()
    bins, weights = (np.asarray(part)[:261] for part in ENCODE(jnp.asarray(ab)))
    np.testing.assert_array_equal(bins[:, 0], np.arange(261))
    np.testing.assert_allclose(np.asarray(weights).sum(-1), 1, atol=1e-6)
    inner = np.flatnonzero((color_bins.bin_centers() == 0).all(1))[0]
    # itself and four neighbors at 10, exp(-2) of it each
    np.testing.assert_allclose(
        weights[inner], np.array([1, *[np.exp(-2)] * 4]) / (1 + 4 * np.exp(-2)), rtol=1e-5
    )


def test_colors_outside_srgb_have_a_bin():
    bins, weights = ENCODE(
        jnp.tile(jnp.array([[500.0, -500.0], [-128.0, -128.0], [0.0, 128.0]]), (1000, 1))
    )
    assert ((bins >= 0) & (bins < 261)).all()
    np.testing.assert_allclose(np.asarray(weights).sum(-1), 1, atol=1e-6)


def test_rare_bins_weigh_more_and_the_mean_is_one():
    prior = np.array([0.7, 0.2, 0.1, 0.0])
    weights = color_bins.rebalancing_weights(prior, 0.5)
    raw = 1 / (0.5 * prior + 0.125)
    np.testing.assert_allclose(weights, raw / (prior * raw).sum(), rtol=1e-6)
    np.testing.assert_allclose((weights * prior).sum(), 1, rtol=1e-6)
    assert (np.diff(weights) > 0).all()


def test_the_prior_is_smoothed_over_neighbors_only():
    counts = np.zeros(261)
    middle = np.flatnonzero((color_bins.bin_centers() == 0).all(1))[0]
    counts[middle] = 1000
    prior = color_bins.bin_prior(counts)
    np.testing.assert_allclose(prior.sum(), 1)
    assert prior.argmax() == middle
    radius = np.linalg.norm(color_bins.bin_centers(), axis=1)
    # exp(-2) of the middle at 10, exp(-18) at 30
    np.testing.assert_allclose(prior[radius == 10] / prior[middle], np.exp(-2), rtol=1e-6)
    assert prior[radius >= 30].max() < 1e-7


def test_annealed_mean_lies_between_the_mean_and_the_most_likely_color():
    colors = color_bins.bin_centers()
    logits = jnp.full((1, 261), -jnp.inf).at[0, 3].set(jnp.log(0.75)).at[0, 200].set(jnp.log(0.25))
    with jax.debug_nans(False):
        mean, annealed, sharp = (
            color_bins.annealed_mean(logits, jnp.asarray(colors), temperature)[0]
            for temperature in (1.0, 0.38, 1e-3)
        )
    np.testing.assert_allclose(mean, 0.75 * colors[3] + 0.25 * colors[200], rtol=1e-5)
    weight = 3 ** (1 / 0.38) / (1 + 3 ** (1 / 0.38))
    np.testing.assert_allclose(annealed, weight * colors[3] + (1 - weight) * colors[200], rtol=1e-5)
    np.testing.assert_allclose(sharp, colors[3], rtol=1e-6)
    most_likely = color_bins.annealed_mean(logits, jnp.asarray(colors), 0.0)[0]
    np.testing.assert_array_equal(most_likely, colors[3])
