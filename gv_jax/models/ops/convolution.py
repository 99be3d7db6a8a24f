"""Convolutions, [n h w c]: one of several equal formulations, chosen by shape and backend.

XLA's CPU backend runs some convolutions, most sums over pixels and all depthwise convolutions as
naive loops, up to 40 times slower than the formulations here. Those that are only faster on a CPU
are under `choose_by_platform`: a program lowered for a GPU or TPU has XLA's own convolution.
Under `jax.jit`, a formulation is traced once for all layers of one shape.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from gv_jax.models.ops.fft_conv import conv_fft, fft_is_faster
from gv_jax.models.ops.grouped_pixels import conv_grouped, grouping_is_faster
from gv_jax.models.ops.narrow_conv import conv_planes, planes_are_faster, planes_kernel_gradient
from gv_jax.models.ops.platform import choose_by_platform, choose_product, is_plain
from gv_jax.models.ops.pooling import NO_PAD, Pair, pad_edges, scatter_windows
from gv_jax.models.ops.strided_gradient import split_input_gradient, split_is_faster
from gv_jax.models.ops.winograd import (
    conv_winograd,
    winograd_input_gradient,
    winograd_is_faster,
    winograd_kernel_gradient,
)
from gv_jax.models.ops.xla_cpu import (
    broadcast_channels,
    materialize,
    sum_pixels,
)


@partial(jax.jit, static_argnums=(3, 4))
def convolve(
    x: Array, kernel: Array, bias: Array | None = None, strides: int = 1, padding: int | Pair = 0
) -> Array:
    """Cross-correlates `x` with `kernel`, in the fastest formulation for the shape.

    Args:
        x: [n h w ci].
        kernel: [a b ci co].
        bias: [co], or None.
        strides: along both axes, in pixels.
        padding: zeros above and below, left and right, in pixels; one number stands for both.

    Returns:
        [n oh ow co].
    """
    _, h, w, _ = x.shape
    a, b, _, _ = kernel.shape
    padding = (padding, padding) if isinstance(padding, int) else padding
    plain = partial(conv_lax, strides=strides, padding=padding)
    y: Array
    if is_plain():
        y = plain(x, kernel)
        return y if bias is None else y + bias.reshape(1, 1, 1, -1)
    if a == b == 1 and padding == NO_PAD:
        y = choose_product(partial(conv_pixels, strides=strides), plain, x, kernel)
    elif (a, b) == (h, w) and padding == NO_PAD:
        y = choose_product(conv_whole_map, plain, x, kernel)
    elif a == b == strides and padding == NO_PAD and h % a == w % b == 0:
        y = choose_by_platform(x, kernel, cpu=conv_patches, default=plain)
    elif h * w < a * b and max(padding) < min(a, b):
        cpu = partial(conv_small_map, strides=strides, padding=padding)
        y = choose_product(cpu, plain, x, kernel)
    elif strides == 1 and a == b and fft_is_faster(x.shape, kernel.shape, padding[0]):
        y = choose_by_platform(
            x,
            kernel,
            cpu=lambda x, kernel: conv_fft(zero_pad(x, padding), kernel),
            default=plain,
        )
    else:
        return conv_direct(x, kernel, bias, strides, padding)
    return y if bias is None else y + broadcast_channels(bias, y)


def conv_pixels(x: Array, kernel: Array, strides: int) -> Array:
    """Convolves with a kernel of one pixel, as one matrix product."""
    x = x[:, ::strides, ::strides]
    # One axis of pixels: a gradient that sums over three axes runs as a naive loop (4x slower).
    y = x.reshape(-1, x.shape[-1]) @ kernel[0, 0]
    return y.reshape(*x.shape[:3], -1)


def conv_whole_map(x: Array, kernel: Array) -> Array:
    """Convolves a map with a kernel of its size, as one matrix product."""
    n, h, w, ci = x.shape
    y = x.reshape(-1, h * w * ci) @ kernel.reshape(h * w * ci, -1)
    return y.reshape(n, 1, 1, -1)


def conv_patches(x: Array, kernel: Array) -> Array:
    """Convolves square patches that do not overlap, as one matrix product."""
    n, h, w, ci = x.shape
    a, b, _, co = kernel.shape
    patches = x.reshape(n, h // a, a, w // b, b, ci).swapaxes(2, 3)
    y = patches.reshape(-1, a * b * ci) @ kernel.reshape(-1, co)
    return y.reshape(n, h // a, w // b, co)


def zero_pad(x: Array, padding: Pair) -> Array:
    """Pads `x` with `padding` rows of zeros above and below and columns left and right."""
    down, across = padding
    return pad_edges(x, (down, down), (across, across)) if padding != NO_PAD else x


def pad_same(x: Array, kernel_size: int, strides: int) -> Array:
    """Pads `x` with zeros so that ceil(side / strides) windows fit; an odd one is below and right.

    TensorFlow's "SAME", which depends on the size of `x`, for kernels of at least `strides` pixels.
    """
    totals = (kernel_size - strides + -side % strides for side in x.shape[1:3])
    down, across = ((total // 2, total - total // 2) for total in totals)
    return pad_edges(x, down, across)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def conv_direct(x: Array, kernel: Array, bias: Array | None, strides: int, padding: Pair) -> Array:
    """Convolves by `conv_lax`, on a CPU by faster formulations of it or of its gradients."""
    cpu = None
    if planes_are_faster(x.shape, kernel.shape, strides, padding):
        cpu = conv_planes
    elif winograd_is_faster(x, kernel.shape, strides, padding):
        cpu = partial(conv_winograd, padding=padding)
    elif grouping_is_faster(x.shape, kernel.shape, strides, padding):
        cpu = partial(conv_grouped, padding=padding)
    default = partial(conv_lax, strides=strides, padding=padding)
    y = choose_by_platform(x, kernel, cpu=cpu, default=default) if cpu else default(x, kernel)
    return y if bias is None else y + bias.reshape(1, 1, 1, -1)


def conv_lax(x: Array, kernel: Array, strides: int, padding: Pair) -> Array:
    """Convolves by XLA's own operation; depthwise where the kernel has one input channel."""
    edges = [(side, side) for side in padding]
    groups = x.shape[-1] // kernel.shape[2]
    return lax.conv_general_dilated(
        x,
        kernel,
        (strides, strides),
        edges,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def _conv_forward(x: Array, kernel: Array, bias: Array | None, strides: int, padding: Pair):
    return conv_direct(x, kernel, bias, strides, padding), (x, kernel, bias)


def _conv_backward(strides: int, padding: Pair, saved: tuple[Array, Array, Array | None], g: Array):
    x, kernel, bias = saved
    g = materialize(g)
    return (
        input_gradient(x, kernel, g, strides, padding),
        kernel_gradient(x, kernel, g, strides, padding),
        None if bias is None else sum_pixels(g),
    )


conv_direct.defvjp(_conv_forward, _conv_backward)


@partial(jax.jit, static_argnums=(3, 4))
def input_gradient(x: Array, kernel: Array, g: Array, strides: int, padding: Pair) -> Array:
    """Gradient of `conv_lax` in `x`, for the gradient `g` [n oh ow co]."""
    a, b, ci, co = kernel.shape
    n, oh, ow, _ = g.shape

    def transpose_conv(kernel: Array, g: Array) -> Array:
        return jax.linear_transpose(lambda x: conv_lax(x, kernel, strides, padding), x)(g)[0]

    def scatter_taps(kernel: Array, g: Array) -> Array:
        taps = (g @ kernel.reshape(-1, co).T).reshape(n, oh, ow, a * b, ci)
        parts = [taps[..., tap, :] for tap in range(a * b)]
        return scatter_windows(parts, x.shape, (a, b), strides, padding)

    if winograd_is_faster(x, kernel.shape, strides, padding):
        return choose_by_platform(
            kernel,
            g,
            cpu=lambda kernel, g: winograd_input_gradient(kernel, g, padding),
            default=transpose_conv,
        )
    if oh * ow >= a * b and split_is_faster(x.shape, kernel.shape, strides):
        return choose_by_platform(
            kernel,
            g,
            cpu=lambda kernel, g: split_input_gradient(kernel, g, x.shape, strides, padding),
            default=transpose_conv,
        )
    if oh * ow >= a * b:
        return transpose_conv(kernel, g)
    return choose_by_platform(kernel, g, cpu=scatter_taps, default=transpose_conv)


@partial(jax.jit, static_argnums=(3, 4))
def kernel_gradient(x: Array, kernel: Array, g: Array, strides: int, padding: Pair) -> Array:
    """Gradient of `conv_lax` in the kernel, for the gradient `g` [n oh ow co]."""

    def conv_batch(x: Array, g: Array) -> Array:
        # In another order of axes, `g` is the kernel of a convolution over the batch.
        edges = [
            (zeros, (out - 1) * strides + size - side - zeros)
            for zeros, out, size, side in zip(
                padding, g.shape[1:3], kernel.shape[:2], x.shape[1:3], strict=True
            )
        ]
        return lax.conv_general_dilated(
            x,
            g.transpose(1, 2, 0, 3),
            (1, 1),
            edges,
            rhs_dilation=(strides, strides),
            dimension_numbers=("CHWN", "HWIO", "HWNC"),
        )

    if planes_are_faster(x.shape, kernel.shape, strides, padding):
        cpu = partial(planes_kernel_gradient, size=(kernel.shape[0], kernel.shape[1]))
    elif winograd_is_faster(x, kernel.shape, strides, padding):
        cpu = partial(winograd_kernel_gradient, padding=padding)
    else:
        return conv_batch(x, g)
    return choose_by_platform(x, g, cpu=cpu, default=conv_batch)


def conv_small_map(x: Array, kernel: Array, strides: int, padding: Pair) -> Array:
    """Convolves a map that has fewer pixels than the kernel.

    Each output pixel is one product of the pixels in its window with their taps. Padding, most of
    such a window, is not multiplied.
    """
    n, h, w, _ = x.shape
    a, b, ci, co = kernel.shape
    down, across = padding
    oh, ow = (h + 2 * down - a) // strides + 1, (w + 2 * across - b) // strides + 1
    taps = [tap[0] for tap in lax.split(kernel.reshape(a * b, ci, co), (1,) * (a * b))]
    outputs = []
    for top, left in (
        (i * strides - down, j * strides - across) for i in range(oh) for j in range(ow)
    ):
        window = [
            (i, j)
            for i in range(max(top, 0), min(top + a, h))
            for j in range(max(left, 0), min(left + b, w))
        ]
        pixels = jnp.concatenate([x[:, i, j] for i, j in window], 1)
        seen = jnp.concatenate([taps[(i - top) * b + j - left] for i, j in window])
        outputs.append(pixels @ seen)
    return jnp.stack(outputs, 1).reshape(n, oh, ow, co)
