"""2x upsampling by repeated pixels, and 3x3 convolutions of such images, [n h w c].

On a CPU, the convolution is computed at the resolution before, with four times as many outputs.
Measured factors on one CPU core over upsampling and `convolve`, forward / gradient of the input /
of the kernel: 16 to 2 channels at 128x128 1.9 / 7.0 / 2.6, 32 to 16 at 64x64 2.7 / 2.0 / 2.2, 32 to
32 at 32x32 1.8 / 1.4 / 1.5, 128 to 64 at 28x28 1.2 / 1.0 / 1.5, 64 to 32 at 56x56 2.3 / 2.0 / 2.0.
"""

import jax
import jax.numpy as jnp
from jax import Array

from gv_jax.models.ops.convolution import conv_lax, convolve, zero_pad
from gv_jax.models.ops.platform import choose_product
from gv_jax.models.ops.xla_cpu import broadcast_channels

SAME = (1, 1)  # padding that keeps the size


@jax.custom_vjp
def upsample_nearest(x: Array) -> Array:
    """Repeats each pixel twice along both axes.  # [n 2h 2w c]"""
    n, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (n, h, 2, w, 2, c)).reshape(n, 2 * h, 2 * w, c)


def _upsample_vjp(_: None, g: Array) -> tuple[Array]:
    """The gradient; on a CPU, adding strided slices is faster than a sum over axes of size two."""
    rows = g[:, ::2] + g[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2],)


upsample_nearest.defvjp(lambda x: (upsample_nearest(x), None), _upsample_vjp)


def convolve_upsampled(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """Cross-correlates the upsampled `x`, zero-padded by one pixel, with `kernel`.

    Args:
        x: [n h w ci].
        kernel: [3 3 ci co].
        bias: [co], or None.

    Returns:
        [n 2h 2w co].
    """
    y: Array = choose_product(conv_phases, _conv_repeated, x, kernel)
    return y if bias is None else y + broadcast_channels(bias, y)


def _conv_repeated(x: Array, kernel: Array) -> Array:
    return conv_lax(upsample_nearest(x), kernel, 1, SAME)


def conv_phases(x: Array, kernel: Array) -> Array:
    """Computes the outputs of each pixel, which see 2x2 pixels of `x`, as four sets of channels.

    A window of three repeated pixels has two values, so two of its three taps are added up first:
    16 products per pixel of `x` and pair of channels instead of 36.
    """
    n, h, w, _ = x.shape
    co = kernel.shape[-1]
    taps = jnp.stack([_add_taps(_add_taps(kernel, 0, i), 1, j) for i in (0, 1) for j in (0, 1)], 3)
    # Padded before: else XLA computes the gradient of the taps by naive loops (50 times as long).
    padded = zero_pad(x, SAME)
    phases = convolve(padded, taps.reshape(2, 2, -1, 4 * co))  # [n h+1 w+1 4co]
    phases = phases.reshape(n, h + 1, w + 1, 4, co)
    rows = [
        jnp.stack([phases[:, i : i + h, j : j + w, 2 * i + j] for j in (0, 1)], 3) for i in (0, 1)
    ]
    return jnp.stack(rows, 2).reshape(n, 2 * h, 2 * w, co)


def _add_taps(kernel: Array, axis: int, phase: int) -> Array:
    """The two taps along an axis of the first or the second output of a pixel."""
    before, center, after = jnp.split(kernel, 3, axis)
    pair = (before, center + after) if phase == 0 else (before + center, after)
    return jnp.concatenate(pair, axis)
