"""Bins of colours against a search over all of them, and numbers worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
from skimage.color import rgb2lab

from gv_jax.image import color_bins

ENCODE = jax.jit(color_bins.encode_bins)


def colours(count: int = 3000) -> np.ndarray:
    """float32 [count 2]: a and b of colours drawn at random and of the corners of the cube."""
    rgb = np.random.default_rng(0).random((count - 8, 3))
    corners = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)])
    return rgb2lab(np.concatenate([corners, rgb]))[:, 1:].astype(np.float32)


def test_bins_are_what_colours_of_the_whole_cube_are_nearest_to():
    steps = np.append(np.arange(0, 255, 3), 255)
    cube = rgb2lab(np.stack(np.meshgrid(steps, steps, steps), -1).astype(np.uint8))
    used = np.unique(np.rint(cube[..., 1:].reshape(-1, 2) / 10), axis=0) * 10
    found = color_bins.bin_centers()
    assert len(found) == 261
    assert {tuple(point) for point in used.tolist()} <= {tuple(point) for point in found.tolist()}
    assert len(used) >= 258  # bins that few colours at the surface reach


def test_encoding_agrees_with_a_search_over_all_bins():
    ab = colours()
    places, weights = ENCODE(jnp.asarray(ab))
    apart = np.linalg.norm(ab[:, None].astype(np.float64) - color_bins.bin_centers(), axis=-1)
    least = np.sort(apart, 1)[:, :5]
    np.testing.assert_allclose(np.take_along_axis(apart, np.asarray(places), 1), least, atol=1e-4)
    expected = np.exp(-np.square(least) / 50)
    np.testing.assert_allclose(weights, expected / expected.sum(1, keepdims=True), atol=1e-5)


def test_a_bins_own_colour_weighs_most():
    bins = np.zeros((3000, 2), np.float32)
    bins[:261] = color_bins.bin_centers()
    places, weights = (np.asarray(part)[:261] for part in ENCODE(jnp.asarray(bins)))
    np.testing.assert_array_equal(places[:, 0], np.arange(261))
    np.testing.assert_allclose(np.asarray(weights).sum(-1), 1, atol=1e-6)
    inner = np.flatnonzero((color_bins.bin_centers() == 0).all(1))[0]
    # itself and four neighbours 10 away: exp(-2) of it each
    np.testing.assert_allclose(
        weights[inner], np.array([1, *[np.exp(-2)] * 4]) / (1 + 4 * np.exp(-2)), rtol=1e-5
    )


def test_nearest_is_the_first_of_the_encoding():
    ab = jnp.asarray(colours())
    np.testing.assert_array_equal(jax.jit(color_bins.nearest_bin)(ab), ENCODE(ab)[0][:, 0])


def test_colours_that_do_not_exist_get_a_bin_too():
    places, weights = ENCODE(
        jnp.tile(jnp.array([[500.0, -500.0], [-128.0, -128.0], [0.0, 128.0]]), (1000, 1))
    )
    assert ((places >= 0) & (places < 261)).all()
    np.testing.assert_allclose(np.asarray(weights).sum(-1), 1, atol=1e-6)


def test_rare_bins_weigh_more_and_the_mean_is_one():
    frequency = np.array([0.7, 0.2, 0.1, 0.0])
    weights = color_bins.rebalancing_weights(frequency)
    raw = 1 / (0.5 * frequency + 0.125)
    np.testing.assert_allclose(weights, raw / (frequency * raw).sum(), rtol=1e-6)
    np.testing.assert_allclose((weights * frequency).sum(), 1, rtol=1e-6)
    assert (np.diff(weights) > 0).all()


def test_prior_is_a_distribution_spread_to_neighbours_alone():
    counts = np.zeros(261)
    middle = np.flatnonzero((color_bins.bin_centers() == 0).all(1))[0]
    counts[middle] = 1000
    found = color_bins.bin_prior(counts)
    np.testing.assert_allclose(found.sum(), 1)
    assert found.argmax() == middle
    away = np.linalg.norm(color_bins.bin_centers(), axis=1)
    # 10 away: exp(-2) of the middle's; 30 away: exp(-18)
    np.testing.assert_allclose(found[away == 10] / found[middle], np.exp(-2), rtol=1e-6)
    assert found[away >= 30].max() < 1e-7


def test_annealed_mean_lies_between_the_mean_and_the_likeliest():
    points = color_bins.bin_centers()
    logits = jnp.full((1, 261), -jnp.inf).at[0, 3].set(jnp.log(0.75)).at[0, 200].set(jnp.log(0.25))
    with jax.debug_nans(False):
        plain, sharp = (
            color_bins.annealed_mean(logits, t)[0] for t in (1.0, color_bins.ANNEALED_TEMPERATURE)
        )
        likeliest = color_bins.annealed_mean(logits, 1e-3)[0]
    np.testing.assert_allclose(plain, 0.75 * points[3] + 0.25 * points[200], rtol=1e-5)
    share = 3 ** (1 / 0.38) / (1 + 3 ** (1 / 0.38))
    np.testing.assert_allclose(sharp, share * points[3] + (1 - share) * points[200], rtol=1e-5)
    np.testing.assert_allclose(likeliest, points[3], rtol=1e-6)
