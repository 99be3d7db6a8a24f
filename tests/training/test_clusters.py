"""Clusters of images: what they divide, how they are found and drawn."""

import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.training.clusters import MIN_IMAGES, SIDE, Clusters, average_regions, fit_clusters


def make_halves(count, *, is_left):
    """Opaque images of which one half is white; noise everywhere."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (count, 8, 12, 4), dtype=np.uint8)
    images[:, :, slice(0, 6) if is_left else slice(6, 12), :3] += 200
    images[..., 3] = 255
    return images


@pytest.fixture(scope="module")
def data():
    """Class 0: 30 images of one kind and 10 of another; class 1: too few for two clusters."""
    left, right = make_halves(30, is_left=True), make_halves(10, is_left=False)
    few = np.concatenate([make_halves(4, is_left=True), make_halves(4, is_left=False)])
    return np.concatenate([left, right, few]), np.repeat([0, 1], [40, 8])


def test_clusters_are_the_kinds_of_images_of_a_class(data):
    images, labels = data
    clusters = fit_clusters(images, labels, 3, 2, seed=0)
    assert clusters.per_class == 2
    assert sorted(clusters.fractions[0]) == [0.25, 0.75]
    assert len(data[1][labels == 1]) < 2 * MIN_IMAGES
    np.testing.assert_array_equal(clusters.fractions[1:], [[1, 0], [1, 0]])
    found = np.asarray(clusters.find(jnp.asarray(images / 255, jnp.float32), jnp.asarray(labels)))
    assert len(set(found[:30])) == len(set(found[30:40])) == 1
    assert found[0] != found[30]
    np.testing.assert_array_equal(found[40:], 0)


def test_hidden_colors_and_detail_do_not_count():
    rng = np.random.default_rng(1)
    images = rng.random((5, 8, 8, 4), np.float32)
    images[..., 3] = images[..., 3] > 0.5
    hidden = np.where(images[..., 3:] == 0, np.float32(0.9), images)
    hidden[..., 3] = images[..., 3]
    shuffled = images.reshape(5, SIDE, 2, SIDE, 2, 4)[:, :, ::-1, :, ::-1].reshape(images.shape)
    expected = average_regions(jnp.asarray(images))
    assert expected.shape == (5, SIDE, SIDE, 4)
    np.testing.assert_allclose(average_regions(jnp.asarray(hidden)), expected, atol=1e-6)
    np.testing.assert_allclose(average_regions(jnp.asarray(shuffled)), expected, atol=1e-6)


def test_clusters_are_drawn_in_proportion_and_by_label_and_index_alone():
    fractions = np.array([[0.5, 0, 0.3, 0.2], [0, 0, 1, 0], [0.1] * 3 + [0.7]])
    clusters = Clusters(np.zeros((3, 4, SIDE, SIDE, 3), np.uint8), fractions)
    labels, indices = np.repeat([0, 1, 2], 40), np.tile(np.arange(40), 3)
    drawn = clusters.draw(7, labels, indices)
    for label in range(3):
        counts = np.bincount(drawn[labels == label], minlength=4)
        np.testing.assert_allclose(counts, 40 * fractions[label], atol=2)
        assert not counts[fractions[label] == 0].any()
    order = np.random.default_rng(0).permutation(120)[:50]
    np.testing.assert_array_equal(clusters.draw(7, labels[order], indices[order]), drawn[order])
    assert (clusters.draw(8, labels, indices) != drawn).any()


def test_results_keep_clusters(data):
    clusters = fit_clusters(*data, 2, 3, seed=0)
    restored = Clusters.from_results(clusters.to_results(("b", "a")), ("b", "a"))
    np.testing.assert_array_equal(restored.centers, clusters.centers)
    np.testing.assert_array_equal(restored.fractions, clusters.fractions)
