"""KID, the kernel inception distance, of features of any network.

Binkowski et al. 2018, "Demystifying MMD GANs", arXiv:1801.01401. Unlike the Frechet distance, its
estimate has no bias at any number of images.
"""

import numpy as np

MIN_IMAGES = 3  # of each set; one is left out, and two make a pair


def kernel_distance(features: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """The squared maximum mean discrepancy under the kernel (x.y / f + 1)^3, and its error.

    The estimate is unbiased, over all pairs, so it can be below 0. The paper averages over random
    subsets for speed, which costs precision. Subsets share images, so their spread is not the
    error of the mean. The standard error is that of the jackknife over images of both sets: it
    needs no random numbers and is too large, not too small, where the distributions are equal
    (Arvesen 1969, "Jackknifing U-statistics"). It treats images as independent, also variants of
    one motif.

    Args:
        features: [n f].
        reference: [m f].

    Returns:
        The estimate and its standard error.

    Raises:
        ValueError: fewer than MIN_IMAGES images in one of the sets.
    """
    from sklearn.metrics.pairwise import polynomial_kernel  # slow to import

    if min(len(features), len(reference)) < MIN_IMAGES:
        raise ValueError(f"{len(features)} and {len(reference)} images, not {MIN_IMAGES} of each")
    first, second = features.astype(np.float64), reference.astype(np.float64)
    between = polynomial_kernel(first, second)  # its defaults are this kernel
    within_first, sums_first = pair_sums(polynomial_kernel(first))
    within_second, sums_second = pair_sums(polynomial_kernel(second))
    n, m = between.shape
    total = between.sum()
    value = within_first / n / (n - 1) + within_second / m / (m - 1) - 2 * total / n / m
    without_first = (
        (within_first - 2 * sums_first) / (n - 1) / (n - 2)
        + within_second / m / (m - 1)
        - 2 * (total - between.sum(1)) / (n - 1) / m
    )
    without_second = (
        within_first / n / (n - 1)
        + (within_second - 2 * sums_second) / (m - 1) / (m - 2)
        - 2 * (total - between.sum(0)) / n / (m - 1)
    )
    variance = (n - 1) * without_first.var() + (m - 1) * without_second.var()
    return float(value), float(np.sqrt(variance))


def pair_sums(kernel: np.ndarray) -> tuple[float, np.ndarray]:
    """Sums of a kernel [n n] without its diagonal: of all, and of each row [n]."""
    rows = kernel.sum(1) - kernel.diagonal()
    return float(rows.sum()), rows
