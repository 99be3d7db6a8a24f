"""Convolutions, [n h w c], by whichever of several equal formulations suits the shape and the backend.

XLA's CPU backend hands some convolutions, most sums over pixels and all depthwise convolutions to naive loops, up to
40 times slower than the formulations here. What only pays there is chosen by `on_cpu`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from gv_jax.models.ops.fft_conv import conv_fft, fft_is_faster
from gv_jax.models.ops.pooling import NO_PAD, Pair, pad_edges, scatter_windows, window_slices
from gv_jax.models.ops.xla_cpu import (
    broadcast_channels,
    materialize,
    materialize_grad,
    on_cpu,
    sum_pixels,
)


def convolve(
    x: Array, kernel: Array, bias: Array | None = None, strides: int = 1, padding: int | Pair = 0
) -> Array:
    """Cross-correlation, [n h w ci], [a b ci co], [co] -> [n oh ow co], in the formulation that suits the shape."""
    _, h, w, _ = x.shape
    a, b, ci, co = kernel.shape
    padding = (padding, padding) if isinstance(padding, int) else padding
    if a == b == 1 and padding == NO_PAD:
        x = x[:, ::strides, ::strides]
        # One axis of pixels: where its gradient sums over three, it is left to naive loops (4 times as slow).
        y = materialize_grad((x.reshape(-1, ci) @ kernel[0, 0]).reshape(*x.shape[:3], co))
    elif (a, b) == (h, w) and padding == NO_PAD:
        y = (x.reshape(-1, h * w * ci) @ kernel.reshape(-1, co)).reshape(-1, 1, 1, co)
    elif h * w < a * b and max(padding) < min(a, b):
        y = conv_small_map(x, kernel, strides, padding)
    elif on_cpu() and strides == 1 and a == b and fft_is_faster(x.shape, kernel.shape, padding[0]):
        y = conv_fft(zero_pad(x, padding), kernel)
    else:
        return conv_direct(x, kernel, bias, strides, padding)
    return y if bias is None else y + broadcast_channels(bias, y)


def zero_pad(x: Array, padding: Pair) -> Array:
    """Zeros all around: `padding` pixels above and below, left and right."""
    down, across = padding
    return pad_edges(x, (down, down), (across, across)) if padding != NO_PAD else x


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def conv_direct(x: Array, kernel: Array, bias: Array | None, strides: int, padding: Pair) -> Array:
    """XLA's convolution, with gradients of ours where its own would be slow."""
    y = conv_lax(x, kernel, strides, padding)
    return y if bias is None else y + bias.reshape(1, 1, 1, -1)


def conv_lax(x: Array, kernel: Array, strides: int, padding: Pair) -> Array:
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
    inputs = input_gradient(x, kernel, g, strides, padding)
    moved = g.transpose(1, 2, 0, 3)
    return (
        inputs,
        kernel_gradient(x, kernel, moved, strides, padding),
        None if bias is None else sum_pixels(g),
    )


conv_direct.defvjp(_conv_forward, _conv_backward)


def input_gradient(x: Array, kernel: Array, g: Array, strides: int, padding: Pair) -> Array:
    a, b, ci, co = kernel.shape
    n, oh, ow, _ = g.shape
    if not on_cpu() or oh * ow >= a * b:
        return jax.linear_transpose(lambda x: conv_lax(x, kernel, strides, padding), x)(g)[0]
    taps = (g @ kernel.reshape(-1, co).T).reshape(n, oh, ow, a * b, ci)
    return scatter_windows(
        [taps[..., tap, :] for tap in range(a * b)], x.shape, (a, b), strides, padding
    )


def kernel_gradient(x: Array, kernel: Array, g: Array, strides: int, padding: Pair) -> Array:
    """For the gradient as [oh ow n co], the order in which it is the kernel of a convolution over the batch."""
    edges = [
        (zeros, (out - 1) * strides + size - side - zeros)
        for zeros, out, size, side in zip(
            padding, g.shape[:2], kernel.shape[:2], x.shape[1:3], strict=True
        )
    ]
    return lax.conv_general_dilated(
        x,
        g,
        (1, 1),
        edges,
        rhs_dilation=(strides, strides),
        dimension_numbers=("CHWN", "HWIO", "HWNC"),
    )


def conv_small_map(x: Array, kernel: Array, strides: int, padding: Pair) -> Array:
    """For every output pixel one product of the pixels that it sees with their taps: no multiplications by padding,
    which is most of them where a map has fewer pixels than the kernel."""
    n, h, w, _ = x.shape
    a, b, ci, co = kernel.shape
    down, across = padding
    oh, ow = (h + 2 * down - a) // strides + 1, (w + 2 * across - b) // strides + 1
    taps = [tap[0] for tap in lax.split(kernel.reshape(a * b, ci, co), (1,) * (a * b))]
    outputs = []
    for top, left in (
        (i * strides - down, j * strides - across) for i in range(oh) for j in range(ow)
    ):
        seen = [
            (i, j)
            for i in range(max(top, 0), min(top + a, h))
            for j in range(max(left, 0), min(left + b, w))
        ]
        pixels = jnp.concatenate([x[:, i, j] for i, j in seen], 1)
        outputs.append(pixels @ jnp.concatenate([taps[(i - top) * b + j - left] for i, j in seen]))
    return jnp.stack(outputs, 1).reshape(n, oh, ow, co)


# ---- every channel by itself ----


def depthwise_conv(x: Array, kernel: Array, strides: int = 1, padding: int = 0) -> Array:
    """Cross-correlation of every channel with its own kernel, [n h w c], [k k 1 c] -> [n oh ow c]."""
    if on_cpu():
        return depthwise_conv_taps(x, kernel, strides, padding)
    return conv_lax(x, kernel, strides, (padding, padding))


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def depthwise_conv_taps(x: Array, kernel: Array, strides: int, padding: int) -> Array:
    """The sum over the places in the window of what is seen there times its tap."""
    a, b, _, _ = kernel.shape
    places = window_slices(materialize(zero_pad(x, (padding, padding))), (a, b), (strides, strides))
    total = jnp.zeros((), x.dtype)
    for place, tap in zip(places, slice_taps(kernel), strict=True):
        total = total + place * tap
    return materialize(total)


def slice_taps(kernel: Array) -> list[Array]:
    """[a b 1 c] as a*b arrays [1 1 1 c]."""
    a, b, _, c = kernel.shape
    return [tap.reshape(1, 1, 1, c) for tap in kernel.reshape(a * b, c)]


def depthwise_forward(x: Array, kernel: Array, strides: int, padding: int):
    return depthwise_conv_taps(x, kernel, strides, padding), (x, kernel)


def depthwise_backward(
    strides: int, padding: int, saved: tuple[Array, Array], g: Array
) -> tuple[Array, Array]:
    x, kernel = saved
    a, b, _, _ = kernel.shape
    g = materialize(g)
    places = window_slices(materialize(zero_pad(x, (padding, padding))), (a, b), (strides, strides))
    kernels = jnp.stack([sum_pixels(place * g) for place in places]).reshape(kernel.shape)
    if strides == 1 and padding < a:
        return depthwise_conv_taps(g, kernel[::-1, ::-1], 1, a - 1 - padding), kernels
    return scatter_windows(
        [g * tap for tap in slice_taps(kernel)], x.shape, (a, b), strides, (padding, padding)
    ), kernels


depthwise_conv_taps.defvjp(depthwise_forward, depthwise_backward)
