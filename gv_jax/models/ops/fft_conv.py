"""Convolution as one product at every frequency, [n h w c]; for large kernels on small maps.

The transforms are products with small real matrices, so that all of it, gradients too, is matrix products.
"""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array


def fft_is_faster(shape: tuple[int, ...], kernel: tuple[int, ...], padding: int) -> bool:
    """Whether all three products of an unstrided convolution take a third of the multiplications this way.

    A third, because on the CPU copying between the layouts of the transforms costs twice as much as the products
    (measured; 7x7 on 13x13 pixels of 64 features: 21 ms for all three against 58 ms).
    """
    n, h, w, _ = shape
    k, _, ci, co = kernel
    pixels = (h + 2 * padding) * (w + 2 * padding)
    outputs = (h + 2 * padding - k + 1) * (w + 2 * padding - k + 1)
    direct = (2 * outputs + h * w) * k * k * ci * co
    transforms = 2 * pixels * (pixels * ci + outputs * co) + 4 * pixels * k * k * ci * co / n
    return 3 * (transforms + 6 * pixels * ci * co) < direct


@lru_cache
def dft_matrices(h: int, w: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The transforms of pictures [2f h*w] and of kernels [4f k*k], and the way back to the outputs [oh*ow 2f].

    Pictures have a real and an imaginary row for every one of f = h * (w // 2 + 1) frequencies; kernels have the
    four numbers of the real 2x2 matrix that multiplies by the conjugate.
    """
    half = w // 2 + 1
    waves = np.fft.rfft2(np.eye(h * w).reshape(h * w, h, w))  # [h*w h half]
    pictures = np.stack([waves.real, waves.imag], -1).reshape(h * w, -1).T
    taps = waves.reshape(h, w, -1)[:k, :k].reshape(k * k, -1).T  # [f k*k]
    kernels = np.stack([taps.real, -taps.imag, taps.imag, taps.real], 1).reshape(-1, k * k)
    units = np.stack([np.eye(h * half), 1j * np.eye(h * half)], 1).reshape(-1, h, half)
    back = np.fft.irfft2(units, s=(h, w))[:, : h - k + 1, : w - k + 1].reshape(len(units), -1).T
    return pictures, kernels, back


def conv_fft(x: Array, kernel: Array) -> Array:
    """Unpadded, unstrided cross-correlation, [n h w ci], [k k ci co] -> [n h-k+1 w-k+1 co]."""
    n, h, w, ci = x.shape
    k, _, _, co = kernel.shape
    f = h * (w // 2 + 1)
    pictures, kernels, back = (jnp.asarray(table, x.dtype) for table in dft_matrices(h, w, k))
    xs = pictures @ x.reshape(n, h * w, ci).swapaxes(0, 1).reshape(h * w, n * ci)
    xs = xs.reshape(f, 2, n, ci).swapaxes(1, 2).reshape(f, n, 2 * ci)
    ks = kernels @ kernel.reshape(k * k, ci * co)
    ks = ks.reshape(f, 2, 2, ci, co).swapaxes(2, 3).reshape(f, 2 * ci, 2 * co)
    ys = (xs @ ks).reshape(f, n, 2, co).swapaxes(1, 2).reshape(2 * f, n * co)
    return (back @ ys).reshape(-1, n, co).swapaxes(0, 1).reshape(n, h - k + 1, w - k + 1, co)
