"""How like two pictures are: batches [n h w c] of floats in [0, 1], one number for each pair, [n].

They agree with scikit-image's for `data_range=1`.
"""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.errors import UserError
from gv_jax.image.resample import apply_separable

MAX_DB = 100.0  # decibels: of two equal pictures, so that means stay finite
SSIM_SIDE, SSIM_SIGMA = 11, 1.5  # pixels: of the window of `ssim`


def mse(images: Array, targets: Array) -> Array:
    """The mean squared difference over pixels and channels."""
    return jnp.square(images - targets).mean((1, 2, 3))


def psnr(images: Array, targets: Array) -> Array:
    """Peak signal-to-noise ratio, -10 log10(mse), in decibels; `MOST` at most."""
    return mse_to_psnr(mse(images, targets))


def mse_to_psnr(errors: Array) -> Array:
    """The PSNR that mean squared errors of pictures in [0, 1] amount to."""
    return -10 * jnp.log10(jnp.maximum(errors, 10 ** (-MAX_DB / 10)))


def ssim(images: Array, targets: Array) -> Array:
    """Structural similarity, 1 for equal pictures: the mean over channels and all whole windows of

        (2 mx my + c1) (2 cov + c2) / ((mx² + my² + c1) (vx + vy + c2)),   c1 = 0.01², c2 = 0.03²

    with means, variances and covariance under a Gaussian window of 11 pixels, sigma 1.5: Wang et al. 2004, "Image
    quality assessment: from error visibility to structural similarity"; scikit-image's `structural_similarity(...,
    gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`.

    Raises UserError for pictures that are smaller than the window.
    """
    _, h, w, _ = images.shape
    if min(h, w) < SSIM_SIDE:
        raise UserError(
            f"pictures of {h}x{w} are too small to compare: structural similarity needs {SSIM_SIDE}x{SSIM_SIDE}"
        )
    rows, columns = ssim_window_matrix(h), ssim_window_matrix(w)

    def mean(values: Array) -> Array:
        return apply_separable(values, rows, columns)  # [n h-10 w-10 c]

    mx, my = mean(images), mean(targets)
    vx, vy = mean(images * images) - mx * mx, mean(targets * targets) - my * my
    cov = mean(images * targets) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return likeness.mean((1, 2, 3))


@lru_cache(maxsize=16)
def ssim_window_matrix(size: int) -> np.ndarray:
    """float32 [size-10 size]: the Gaussian window at all places where it is whole."""
    window = np.exp(-0.5 * ((np.arange(SSIM_SIDE) - SSIM_SIDE // 2) / SSIM_SIGMA) ** 2)
    places = size - SSIM_SIDE + 1
    matrix = np.zeros((places, size), np.float32)
    for place in range(places):
        matrix[place, place : place + SSIM_SIDE] = window / window.sum()
    return matrix
