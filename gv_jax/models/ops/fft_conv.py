"""Convolution by the discrete Fourier transform, [n h w c]; for large kernels on small maps.

The transforms are products with small real matrices. The whole convolution and its gradients are
therefore matrix products, which XLA:CPU runs fast; its own FFT is not used.
"""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array


def fft_is_faster(shape: tuple[int, ...], kernel: tuple[int, ...], padding: int) -> bool:
    """Whether forward pass and both gradients need less than a third of the direct multiplications.

    A third, because on a CPU the copies between the layouts of the transforms take twice as long
    as the products. Measured for 7x7 on 13x13 pixels with 64 features: 21 ms instead of 58 ms.

    Args:
        shape: of the input, (n, h, w, in_features).
        kernel: shape of the kernel, (k, k, in_features, out_features).
        padding: zeros on every side, in pixels.
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
    """Makes the matrices of the transforms of a k x k kernel on an h x w map.

    Returns:
        The transform of images [2f h*w], of kernels [4f k*k], and the inverse [oh*ow 2f].
        Images have a real and an imaginary row for each of the f = h * (w // 2 + 1) frequencies.
        Kernels have the four entries of the real 2x2 matrix that multiplies by the conjugate.
    """
    half = w // 2 + 1
    waves = np.fft.rfft2(np.eye(h * w).reshape(h * w, h, w))  # [h*w h half]
    images = np.stack([waves.real, waves.imag], -1).reshape(h * w, -1).T
    taps = waves.reshape(h, w, -1)[:k, :k].reshape(k * k, -1).T  # [f k*k]
    kernels = np.stack([taps.real, -taps.imag, taps.imag, taps.real], 1).reshape(-1, k * k)
    units = np.stack([np.eye(h * half), 1j * np.eye(h * half)], 1).reshape(-1, h, half)
    inverse = np.fft.irfft2(units, s=(h, w))[:, : h - k + 1, : w - k + 1].reshape(len(units), -1).T
    return images, kernels, inverse


def conv_fft(x: Array, kernel: Array) -> Array:
    """Unpadded cross-correlation at stride 1, [n h w ci], [k k ci co] -> [n h-k+1 w-k+1 co]."""
    n, h, w, ci = x.shape
    k, _, _, co = kernel.shape
    f = h * (w // 2 + 1)
    images, kernels, inverse = (jnp.asarray(table, x.dtype) for table in dft_matrices(h, w, k))
    xs = images @ x.reshape(n, h * w, ci).swapaxes(0, 1).reshape(h * w, n * ci)
    xs = xs.reshape(f, 2, n, ci).swapaxes(1, 2).reshape(f, n, 2 * ci)
    ks = kernels @ kernel.reshape(k * k, ci * co)
    ks = ks.reshape(f, 2, 2, ci, co).swapaxes(2, 3).reshape(f, 2 * ci, 2 * co)
    ys = (xs @ ks).reshape(f, n, 2, co).swapaxes(1, 2).reshape(2 * f, n * co)
    return (inverse @ ys).reshape(-1, n, co).swapaxes(0, 1).reshape(n, h - k + 1, w - k + 1, co)
