"""Similarity of images: float [n h w c] in [0, 1] each -> one number per pair, [n].

The values agree with scikit-image's for `data_range=1`. They are written in jnp because they are
computed inside the compiled evaluation step.
"""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.errors import UserError
from gv_jax.image.resample import apply_separable

MAX_DB = 100.0  # decibels of two equal images, so that means stay finite
SSIM_SIDE, SSIM_SIGMA = 11, 1.5  # pixels: side and sigma of the window of `ssim`


def mse(images: Array, targets: Array) -> Array:
    """Mean squared error over pixels and channels."""
    return jnp.square(images - targets).mean((1, 2, 3))


def psnr(images: Array, targets: Array) -> Array:
    """Peak signal-to-noise ratio, -10 log10(mse), in decibels; at most `MAX_DB`."""
    return mse_to_psnr(mse(images, targets))


def mse_to_psnr(errors: Array) -> Array:
    """Converts the mean squared error of images in [0, 1] to PSNR in decibels."""
    return -10 * jnp.log10(jnp.maximum(errors, 10 ** (-MAX_DB / 10)))


def ssim(images: Array, targets: Array) -> Array:
    """Structural similarity, 1 for equal images: the mean of `ssim_map` over windows and channels.

    Raises:
        UserError: The images are smaller than the window.
    """
    return ssim_map(images, targets).mean((1, 2, 3))


def ssim_map(images: Array, targets: Array) -> Array:
    """Structural similarity of every full window and channel, [n h-10 w-10 c]:

        (2 mx my + c1) (2 cov + c2) / ((mx² + my² + c1) (vx + vy + c2)),   c1 = 0.01², c2 = 0.03²

    with means, variances and covariance under an 11x11 Gaussian window, sigma 1.5. Wang et al.
    2004, "Image quality assessment: from error visibility to structural similarity"; scikit-image's
    `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`.

    Raises:
        UserError: The images are smaller than the window.
    """
    _, h, w, _ = images.shape
    if min(h, w) < SSIM_SIDE:
        raise UserError(
            f"SSIM needs images of at least {SSIM_SIDE}x{SSIM_SIDE}, and these are {h}x{w}: "
            "set a larger config.data.size"
        )
    rows, columns = ssim_window_matrix(h), ssim_window_matrix(w)

    def window_mean(values: Array) -> Array:
        return apply_separable(values, rows, columns)  # [n h-10 w-10 c]

    mx, my = window_mean(images), window_mean(targets)
    vx = window_mean(images * images) - mx * mx
    vy = window_mean(targets * targets) - my * my
    cov = window_mean(images * targets) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))


@lru_cache(maxsize=16)
def ssim_window_matrix(size: int) -> np.ndarray:
    """float32 [size-10 size]: the Gaussian window at every full position."""
    window = np.exp(-0.5 * ((np.arange(SSIM_SIDE) - SSIM_SIDE // 2) / SSIM_SIGMA) ** 2)
    positions = size - SSIM_SIDE + 1
    matrix = np.zeros((positions, size), np.float32)
    for start in range(positions):
        matrix[start, start : start + SSIM_SIDE] = window / window.sum()
    return matrix
