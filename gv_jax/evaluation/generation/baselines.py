"""Images without a model, which a generator has to be better than.

Every function takes training images, uint8 [m h w c], their labels, int [m], and the labels of the
images to make, int [n], which occur among the former. It returns uint8 [n h w c]. Of a class with
one image, blends and Gaussians are that image.
"""

from collections.abc import Callable, Iterator

import numpy as np

from gv_jax.evaluation.generation.pixels import premultiply, unpremultiply

NUM_NEIGHBORS = 5  # that an image is blended with one of
NUM_COMPONENTS = 32  # of a class, at most
MAX_CLASS_IMAGES = 500  # that components are computed of

Baseline = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


def shuffle_pixels(
    images: np.ndarray, labels: np.ndarray, requested: np.ndarray, seed: int
) -> np.ndarray:
    """A training image of the class with its pixels in random order: its colors, no structure."""
    rng = np.random.default_rng(seed)
    made = np.empty((len(requested), *images.shape[1:]), np.uint8)
    for rows, members in iterate_classes(labels, requested):
        chosen = images[rng.choice(members, len(rows))]
        pixels = chosen.reshape(len(rows), -1, images.shape[-1])
        order = rng.permuted(np.tile(np.arange(pixels.shape[1]), (len(rows), 1)), axis=1)
        made[rows] = np.take_along_axis(pixels, order[..., None], 1).reshape(chosen.shape)
    return made


def blend_neighbors(
    images: np.ndarray, labels: np.ndarray, requested: np.ndarray, seed: int
) -> np.ndarray:
    """The mean of a training image and one of its nearest ones in the class: blurred copies."""
    from sklearn.neighbors import NearestNeighbors  # slow to import

    rng = np.random.default_rng(seed)
    made = np.empty((len(requested), *images.shape[1:]), np.uint8)
    for rows, members in iterate_classes(labels, requested):
        pixels = premultiply(images[members]).astype(np.float32)
        flat = pixels.reshape(len(members), -1)
        chosen = rng.integers(len(members), size=len(rows))
        count = min(NUM_NEIGHBORS, len(members) - 1)
        other = chosen
        if count:
            search = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(flat)
            found = search.kneighbors(flat[chosen], return_distance=False)
            others = np.stack(
                [row[row != index][:count] for row, index in zip(found, chosen, strict=True)]
            )
            other = others[np.arange(len(rows)), rng.integers(count, size=len(rows))]
        made[rows] = unpremultiply((pixels[chosen] + pixels[other]) / 2)
    return made


def sample_gaussians(
    images: np.ndarray, labels: np.ndarray, requested: np.ndarray, seed: int
) -> np.ndarray:
    """Samples of the Gaussian of the class in its principal components of pixels.

    The components are those of largest variance, at most NUM_COMPONENTS and one fewer than the
    images of the class. Coefficients of principal components are uncorrelated, so their variances
    are the covariance of the class.
    """
    from sklearn.decomposition import PCA  # slow to import

    rng = np.random.default_rng(seed)
    made = np.empty((len(requested), *images.shape[1:]), np.uint8)
    for rows, members in iterate_classes(labels, requested):
        if len(members) > MAX_CLASS_IMAGES:
            members = np.sort(rng.choice(members, MAX_CLASS_IMAGES, replace=False))
        flat = premultiply(images[members]).reshape(len(members), -1).astype(np.float32)
        count = min(NUM_COMPONENTS, len(members) - 1, flat.shape[1])
        if not count:
            made[rows] = images[members[0]]
            continue
        pca = PCA(count, svd_solver="randomized", random_state=seed).fit(flat)
        spread = np.sqrt(pca.explained_variance_)
        coefficients = rng.standard_normal((len(rows), count)) * spread
        values = pca.inverse_transform(coefficients)
        made[rows] = unpremultiply(values.reshape(len(rows), *images.shape[1:]))
    return made


def iterate_classes(
    labels: np.ndarray, requested: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each requested label, the indices of its requests and of its training images."""
    for label in np.unique(requested):
        members = np.flatnonzero(labels == label)
        if not len(members):
            raise ValueError(f"label {label} has no training image")
        yield np.flatnonzero(requested == label), members


BASELINES: dict[str, Baseline] = {
    "neighbor_blends": blend_neighbors,
    "pixel_gaussians": sample_gaussians,
    "shuffled_pixels": shuffle_pixels,
}
