"""Erasing and mixing: cases by hand, and the beta distribution of scipy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gv_jax.data.augment.mixing import label_smoothing, symmetric_beta
from tests.data.augment.batches import augment, make_batch


def test_erase_fills_one_rectangle_with_one_opaque_color():
    n, size = 64, 20
    images = make_batch(n, size, size, 4)[0]
    augmented = np.asarray(augment("erase", images, jnp.eye(n), 1)[0])
    areas, ratios = [], []
    for new, old in zip(augmented, np.asarray(images), strict=True):
        rows, columns = np.nonzero((new != old).any(axis=-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        colors = np.unique(new[rows, columns], axis=0)
        assert len(colors) == 1
        assert colors[0, 3] == 1
        areas.append(height * width / size**2)
        ratios.append(height / width)
    assert 0.01 < min(areas) < 0.08 < 0.25 < max(areas) < 0.37  # 0.02 to 0.33 before rounding
    assert min(ratios) < 0.5 < 2 < max(ratios)


def test_erase_leaves_the_other_images_unchanged():
    images, targets = make_batch(n=64)
    augmented, _ = augment("erase", images, targets, 0.25)
    areas = (np.asarray(augmented) != np.asarray(images)).any(axis=3).mean(axis=(1, 2))
    assert 6 < (areas > 0).sum() < 28
    assert areas.max() > 0.2  # the area is drawn independently of whether to erase


def test_mixup_by_hand():
    images = jnp.array([0.0, 0.4, 1.0]).reshape(3, 1, 1, 1)
    augmented, targets = augment("mixup", images, jnp.eye(3), seed=1)
    w = float(targets[0, 0])
    assert 0 < w < 1
    np.testing.assert_allclose(targets, [[w, 0, 1 - w], [1 - w, w, 0], [0, 1 - w, w]], rtol=1e-5)
    np.testing.assert_allclose(augmented.ravel(), [1 - w, 0.4 * w, w + 0.4 * (1 - w)], rtol=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_cutmix_mixes_targets_by_the_fraction_of_pasted_pixels(seed):
    n, height, width = 4, 10, 15
    values = jnp.arange(n, dtype=jnp.float32).reshape(n, 1, 1, 1) / n  # constant images
    images = jnp.broadcast_to(values, (n, height, width, 3))
    augmented, targets = augment("cutmix", images, jnp.eye(n), seed=seed)
    source = np.asarray(augmented[..., 0] * n).astype(int)
    for i in range(n):
        pasted = source[i] == (i - 1) % n
        assert (pasted | (source[i] == i)).all()
        rows, columns = pasted.any(axis=1), pasted.any(axis=0)
        np.testing.assert_array_equal(pasted, rows[:, None] & columns[None])  # a rectangle
        np.testing.assert_allclose(targets[i, i - 1], pasted.mean(), atol=1e-6)
        np.testing.assert_allclose(targets[i, i], 1 - pasted.mean(), atol=1e-6)


sample_beta = jax.jit(jax.vmap(symmetric_beta, in_axes=(0, None)))


@pytest.mark.parametrize("alpha", [0.01, 0.2, 0.5, 1.0, 4.0, 100.0])
def test_symmetric_beta_has_the_distribution_of_scipy(alpha):
    samples = np.asarray(sample_beta(jax.random.split(jax.random.key(0), 5000), alpha))
    assert 0 <= samples.min() <= samples.max() <= 1
    assert samples.mean() == pytest.approx(0.5, abs=0.03)
    expected = scipy.stats.beta(alpha, alpha)
    for x in (0.001, 0.1, 0.3, 0.48, 0.6, 0.9):  # tolerance: 3.5 standard errors
        assert (samples <= x).mean() == pytest.approx(expected.cdf(x), abs=0.025)


def test_label_smoothing_spreads_its_mass_over_all_classes():
    images, _ = make_batch(n=2)
    targets = jnp.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]])
    unchanged, smoothed = label_smoothing(0.2)(jax.random.key(0), images, targets)
    np.testing.assert_array_equal(unchanged, images)
    expected = [[0.85, 0.05, 0.05, 0.05], [0.05, 0.45, 0.45, 0.05]]
    np.testing.assert_allclose(smoothed, expected, atol=1e-6)
