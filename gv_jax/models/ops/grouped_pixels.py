"""Convolutions of stride 1 with a few input channels, [n h w c], on a CPU.

XLA's CPU backend copies the patches of an image pixel by pixel, slowly where a pixel has a few
channels. Here neighboring pixels of a row are the channels of one: a convolution computes as many
outputs at once, with zeros where a tap is outside of the kernel.
Measured factors of the forward pass on one CPU core, 3x3 kernels: 1 to 16 channels at 256x256 2.5,
at 160x210 1.8; 3 to 16 at 255x342 1.9, at 48x48 2.4; 3 to 64 at 112x112 1.4; 4 to 64 at 32x32 1.2.
The gradient of the kernel is slower so (0.8 to 0.9), and that of the input is seldom needed.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

GROUP_SIZES = {1: 4, 2: 2, 3: 2, 4: 2}  # pixels that become one, by channels
MIN_PIXELS = 32 * 32  # of a map, as measured


def grouping_is_faster(
    shape: tuple[int, ...], kernel_shape: tuple[int, ...], strides: int, padding: tuple[int, int]
) -> bool:
    """Whether a convolution of images [n h w ci] by groups of pixels is faster on a CPU."""
    _, h, w, channels = shape
    a, b, ci, _ = kernel_shape
    is_wide = b > 1 and w + 2 * padding[1] >= b and h + 2 * padding[0] >= a
    return strides == 1 and channels == ci in GROUP_SIZES and is_wide and h * w >= MIN_PIXELS


def conv_grouped(x: Array, kernel: Array, padding: tuple[int, int]) -> Array:
    """Cross-correlates `x` [n h w ci] with `kernel` [a b ci co] by groups of pixels.

    Args:
        x: of as many channels as GROUP_SIZES has.
        kernel: of the same channels.
        padding: zeros above and below, left and right, in pixels.
    """
    group = GROUP_SIZES[x.shape[-1]]
    odd = x.shape[-1] % 2 if x.shape[-1] > 1 else 0  # three channels are copied slowly too
    n, h, w, ci = x.shape[0], *x.shape[1:3], x.shape[-1] + odd
    a, b, _, co = kernel.shape
    down, across = padding
    width = w + 2 * across - b + 1  # of the outputs
    groups = -(-width // group)
    span = -(-(group + b - 1) // group)  # groups that the taps of a group of outputs reach
    total = (groups + span - 1) * group
    edges = ((0, 0, 0), (0, 0, 0), (across, total - w - across, 0), (0, odd, 0))
    grouped = lax.pad(x, np.zeros((), x.dtype), edges).reshape(n, h, total // group, group * ci)
    y = lax.conv_general_dilated(
        grouped,
        group_taps(kernel, group, span, odd),
        (1, 1),
        ((down, down), (0, 0)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return y.reshape(n, h + 2 * down - a + 1, groups * group, co)[:, :, :width]


def group_taps(kernel: Array, group: int, span: int, odd: int) -> Array:
    """The kernel between groups of pixels, [a span group*(ci+odd) group*co].

    Args:
        kernel: [a b ci co].
        group: pixels of a group.
        span: groups of inputs of each group of outputs.
        odd: channels of zeros that are added to the inputs.
    """
    a, b, ci, co = kernel.shape
    shifted = [
        lax.pad(
            kernel,
            np.zeros((), kernel.dtype),
            ((0, 0, 0), (j, span * group - b - j, 0), (0, odd, 0), (0, 0, 0)),
        )
        for j in range(group)
    ]
    return jnp.stack(shifted, 3).reshape(a, span, group * (ci + odd), group * co)
