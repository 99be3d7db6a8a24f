"""Improved precision and recall against scikit-learn's neighbors and cases worked by hand."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from gv_jax.evaluation.generation.precision_recall import precision_recall


def covered_fraction(points, centers, k):
    search = NearestNeighbors(algorithm="brute").fit(centers)
    radii = search.kneighbors(n_neighbors=k)[0][:, -1]  # without the points themselves
    inside = [(np.linalg.norm(centers - point, axis=1) <= radii).any() for point in points]
    return np.mean(inside)


@pytest.mark.parametrize("k", [1, 3])
def test_both_are_those_of_nearest_neighbors(k):
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, (40, 5)), rng.normal(0.7, 1.5, (50, 5))
    expected = covered_fraction(first, second, k), covered_fraction(second, first, k)
    assert precision_recall(first, second, k) == pytest.approx(expected)
    assert 0 < expected[0] != expected[1] < 1


def test_one_mode_of_two_is_precise_and_has_half_the_recall():
    rng = np.random.default_rng(0)
    modes = np.concatenate([rng.normal(0, 1, (30, 2)), rng.normal(100, 1, (30, 2))])
    precision, recall = precision_recall(modes[:30], modes)
    assert precision == 1
    assert recall == 0.5


def test_too_few_images_are_an_error():
    with pytest.raises(ValueError, match="3 and 9"):
        precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))
