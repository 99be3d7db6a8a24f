"""Improved precision and recall: Kynkaanniemi et al. 2019, arXiv:1904.06991."""

import numpy as np

NUM_NEIGHBORS = 3  # k of the paper


def precision_recall(
    features: np.ndarray, reference: np.ndarray, k: int = NUM_NEIGHBORS
) -> tuple[float, float]:
    """How much of one set lies in the neighborhoods of the other.

    The neighborhood of an image reaches to its k-th nearest image of the same set. Both numbers
    depend on the numbers of images, so sets are compared at the same ones.

    Args:
        features: of generated images [n f].
        reference: of real images [m f].
        k: at most n - 1 and m - 1.

    Returns:
        Precision, the fraction of `features` in a neighborhood of `reference`; and recall, the
        fraction of `reference` in a neighborhood of `features`.

    Raises:
        ValueError: too few images for k.
    """
    from scipy.spatial.distance import cdist  # slow to import

    if min(len(features), len(reference)) <= k:
        raise ValueError(f"{len(features)} and {len(reference)} images: too few for k = {k}")
    between = cdist(features, reference)
    precision = (between <= find_radii(cdist(reference, reference), k)).any(1)
    recall = (between <= find_radii(cdist(features, features), k)[:, None]).any(0)
    return float(precision.mean()), float(recall.mean())


def find_radii(distances: np.ndarray, k: int) -> np.ndarray:
    """The distance of each row of [n n] to the k-th nearest other one, [n]."""
    return np.partition(distances, k, axis=1)[:, k]  # the nearest is the row itself
