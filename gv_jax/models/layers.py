"""Layers, [n h w c]; the only place that calls a convolution or a pooling primitive.

A convolution has several equal formulations. Which one is fastest depends on the static shape, and most of all on
the backend: XLA's CPU backend hands some convolutions, most sums over pixels and the gradient of max-pooling to
naive loops, up to 40 times slower than the formulations here. What only pays there is chosen by `on_cpu`.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array, lax

from gv_jax.models.cpu import gradient_once, on_cpu, once, pixel_sum
from gv_jax.models.fourier import convolve_by_fourier, fourier_pays

Pair = tuple[int, int]  # down, across

he_normal = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")


def relu(x: Array) -> Array:
    return once(nnx.relu(x))


class Conv(nnx.Module):
    """A convolution with a square kernel and symmetric zero padding, in the precision of what comes in."""

    def __init__(
        self, inputs: int, features: int, size: int, strides: int, padding: int, *, bias: bool, rngs: nnx.Rngs
    ):
        self.kernel = nnx.Param(he_normal(rngs.params(), (size, size, inputs, features)))
        self.bias = nnx.Param(jnp.zeros(features)) if bias else None
        self.strides = strides
        self.padding = padding

    def __call__(self, x: Array) -> Array:
        bias = None if self.bias is None else self.bias[...].astype(x.dtype)
        return convolve(x, self.kernel[...].astype(x.dtype), bias, self.strides, self.padding)


def conv(
    inputs: int,
    features: int,
    size: int,
    strides: int = 1,
    *,
    padding: int | None = None,
    bias: bool = False,
    rngs: nnx.Rngs,
) -> Conv:
    """A convolution; `padding` pixels on every side, by default those that keep the size at stride 1."""
    padding = size // 2 if padding is None else padding
    return Conv(inputs, features, size, strides, padding, bias=bias, rngs=rngs)


def dense(inputs: int, features: int, *, rngs: nnx.Rngs) -> nnx.Linear:
    """A linear layer in float32, whatever the precision of what comes in."""
    return nnx.Linear(inputs, features, dtype=jnp.float32, kernel_init=nnx.initializers.he_normal(), rngs=rngs)


class Layer(nnx.Module):
    """A function as a layer, so that it has a row in the summary: `Layer(max_pool, size=2)`."""

    def __init__(self, function: Callable[..., Array], **options: float):
        self.function = function
        self.options = tuple(options.items())

    def __call__(self, x: Array) -> Array:
        return self.function(x, **dict(self.options))


# ---- convolutions ----


def convolve(x: Array, kernel: Array, bias: Array | None = None, strides: int = 1, padding: int = 0) -> Array:
    """Cross-correlation, [n h w ci], [k k ci co], [co] -> [n oh ow co], in the formulation that suits the shape."""
    _, h, w, _ = x.shape
    k = kernel.shape[0]
    if k == 1 and padding == 0:
        y = gradient_once(x[:, ::strides, ::strides] @ kernel[0, 0])
    elif h * w < k * k and padding < k:
        y = convolve_by_pixels(x, kernel, strides, padding)
    elif on_cpu() and strides == 1 and fourier_pays(x.shape, kernel.shape, padding):
        y = convolve_by_fourier(pad(x, padding), kernel)
    else:
        return convolve_directly(x, kernel, bias, strides, padding)
    return y if bias is None else y + bias.reshape(1, 1, 1, -1)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def convolve_directly(x: Array, kernel: Array, bias: Array | None, strides: int, padding: int) -> Array:
    """XLA's convolution, with gradients of ours where its own would be slow."""
    y = lax_convolve(x, kernel, strides, padding)
    return y if bias is None else y + bias.reshape(1, 1, 1, -1)


def lax_convolve(x: Array, kernel: Array, strides: int, padding: int) -> Array:
    edges = ((padding, padding), (padding, padding))
    return lax.conv_general_dilated(x, kernel, (strides, strides), edges, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def forward(x: Array, kernel: Array, bias: Array | None, strides: int, padding: int):
    return convolve_directly(x, kernel, bias, strides, padding), (x, kernel, bias)


def backward(strides: int, padding: int, saved: tuple[Array, Array, Array | None], g: Array):
    x, kernel, bias = saved
    g = once(g)
    inputs = input_gradient(x, kernel, g, strides, padding)
    moved = g.transpose(1, 2, 0, 3)
    return inputs, kernel_gradient(x, kernel, moved, strides, padding), None if bias is None else pixel_sum(g)


convolve_directly.defvjp(forward, backward)


def input_gradient(x: Array, kernel: Array, g: Array, strides: int, padding: int) -> Array:
    k, _, ci, co = kernel.shape
    n, oh, ow, _ = g.shape
    if not on_cpu() or oh * ow >= k * k:
        return jax.linear_transpose(lambda x: lax_convolve(x, kernel, strides, padding), x)(g)[0]
    taps = (g @ kernel.reshape(-1, co).T).reshape(n, oh, ow, k * k, ci)
    return scatter([taps[..., tap, :] for tap in range(k * k)], x.shape, k, strides, padding)


def kernel_gradient(x: Array, kernel: Array, g: Array, strides: int, padding: int) -> Array:
    """For the gradient as [oh ow n co], the order in which it is the kernel of a convolution over the batch."""
    k = kernel.shape[0]
    edges = [
        (padding, (out - 1) * strides + k - side - padding) for side, out in zip(x.shape[1:3], g.shape[:2], strict=True)
    ]
    return lax.conv_general_dilated(
        x, g, (1, 1), edges, rhs_dilation=(strides, strides), dimension_numbers=("CHWN", "HWIO", "HWNC")
    )


def convolve_by_pixels(x: Array, kernel: Array, strides: int, padding: int) -> Array:
    """For every output pixel one product of the pixels that it sees with their taps: no multiplications by padding,
    which is most of them where a map has fewer pixels than the kernel."""
    n, h, w, _ = x.shape
    k, _, ci, co = kernel.shape
    oh, ow = (h + 2 * padding - k) // strides + 1, (w + 2 * padding - k) // strides + 1
    taps = [tap[0] for tap in lax.split(kernel.reshape(k * k, ci, co), (1,) * (k * k))]
    outputs = []
    for top, left in ((i * strides - padding, j * strides - padding) for i in range(oh) for j in range(ow)):
        seen = [(i, j) for i in range(max(top, 0), min(top + k, h)) for j in range(max(left, 0), min(left + k, w))]
        pixels = jnp.concatenate([x[:, i, j] for i, j in seen], 1)
        outputs.append(pixels @ jnp.concatenate([taps[(i - top) * k + j - left] for i, j in seen]))
    return jnp.stack(outputs, 1).reshape(n, oh, ow, co)


# ---- windows and pooling ----


def pad(x: Array, padding: int | Pair, value: float = 0.0) -> Array:
    down, across = (padding, padding) if isinstance(padding, int) else padding
    edges = ((0, 0, 0), (down, down, 0), (across, across, 0), (0, 0, 0))
    return lax.pad(x, jnp.asarray(value, x.dtype), edges)


def windows(x: Array, size: Pair, strides: Pair) -> list[Array]:
    """The strided slices of x, one for each place in an unpadded window, row by row."""
    n, h, w, c = x.shape
    bottom, right = ((side - k) // s * s + 1 for side, k, s in zip((h, w), size, strides, strict=True))
    return [
        lax.slice(x, (0, i, j, 0), (n, i + bottom, j + right, c), (1, *strides, 1))
        for i in range(size[0])
        for j in range(size[1])
    ]


def scatter(parts: list[Array], shape: tuple[int, ...], size: int, strides: int, padding: int) -> Array:
    """The transpose of padding and `windows`: what `parts` sum to in a picture of `shape`."""
    n, h, w, c = shape
    _, oh, ow, _ = parts[0].shape
    total = jnp.zeros((n, h + 2 * padding, w + 2 * padding, c), parts[0].dtype)
    bottom, right = ((side - 1) * strides + 1 for side in (oh, ow))
    for tap, part in enumerate(parts):
        i, j = divmod(tap, size)
        down, across = h + 2 * padding - i - bottom, w + 2 * padding - j - right
        edges = ((0, 0, 0), (i, down, strides - 1), (j, across, strides - 1), (0, 0, 0))
        total = total + lax.pad(part, jnp.zeros((), part.dtype), edges)
    return total[:, padding : padding + h, padding : padding + w]


def max_pool(x: Array, size: int, strides: int | None = None, padding: int = 0, floor: float = -jnp.inf) -> Array:
    """The maximum over windows; strides default to the size. Of equal values the first gets the gradient.

    Nothing below `floor` comes out: 0 makes one pass of a ReLU and the pooling after it.
    """
    strides = strides or size
    if strides > 1:
        return first_maximum(x, (size, size), (strides, strides), (padding, padding), floor)
    # Overlapping windows share their rows: the first maximum of each row, then the first of these.
    x = first_maximum(x, (1, size), (1, 1), (0, padding), -jnp.inf)
    return first_maximum(x, (size, 1), (1, 1), (padding, 0), floor)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def first_maximum(x: Array, size: Pair, strides: Pair, padding: Pair, floor: float) -> Array:
    edges = ((0, 0), (padding[0], padding[0]), (padding[1], padding[1]), (0, 0))
    least = jnp.asarray(-jnp.inf, x.dtype)
    y = lax.reduce_window(x, least, lax.max, (1, *size, 1), (1, *strides, 1), edges)
    return y if floor == -jnp.inf else jnp.maximum(y, jnp.asarray(floor, y.dtype))


def first_maximum_forward(
    x: Array, size: Pair, strides: Pair, padding: Pair, floor: float
) -> tuple[Array, tuple[Array, Array]]:
    padded = once(pad(x, padding, -jnp.inf)) if any(padding) else x
    places = windows(padded, size, strides)
    y = jnp.full_like(places[0], floor)
    squared_place = jnp.zeros_like(y)
    for place, other in enumerate(places, 1):
        squared_place = jnp.where(other > y, jnp.asarray(place * place, y.dtype), squared_place)
        y = jnp.maximum(y, other)
    # A square root is not repeated either: this keeps the windows from being compared again for every pixel.
    return first_maximum(x, size, strides, padding, floor), (jnp.sqrt(squared_place), x)


def first_maximum_backward(
    size: Pair, strides: Pair, padding: Pair, floor: float, saved: tuple[Array, Array], g: Array
) -> tuple[Array]:
    place, x = saved
    n, h, w, c = x.shape
    _, oh, ow, _ = g.shape
    # The windows that cover a pixel, along each axis: those that begin in its own block of strides or before.
    before, beside = (-(-k // s) - 1 for k, s in zip(size, strides, strict=True))
    if before or beside:
        place, g = (once(pad(v, (before, beside))) for v in (place, g))
    i, j = (
        np.arange(s).reshape(shape)
        for s, shape in zip(strides, ((1, 1, -1, 1, 1, 1), (1, 1, 1, 1, -1, 1)), strict=True)
    )
    total = jnp.zeros((), g.dtype)
    for a in range(before + 1):
        for b in range(beside + 1):
            moved, share = (
                v[:, before - a : 2 * before - a + oh, None, beside - b : 2 * beside - b + ow, None] for v in (place, g)
            )
            row, column = a * strides[0] + i, b * strides[1] + j
            taps = np.where((row < size[0]) & (column < size[1]), row * size[1] + column + 1, -1)
            total = total + jnp.where(moved == taps.astype(g.dtype), share, jnp.zeros((), g.dtype))
    u, v = (oh + before) * strides[0], (ow + beside) * strides[1]
    crop = ((0, 0, 0), (-padding[0], h + padding[0] - u, 0), (-padding[1], w + padding[1] - v, 0), (0, 0, 0))
    return (lax.pad(total.reshape(n, u, v, c), jnp.zeros((), g.dtype), crop),)


first_maximum.defvjp(first_maximum_forward, first_maximum_backward)


def avg_pool(x: Array, size: int, strides: int | None = None, padding: int = 0) -> Array:
    """The mean over windows, padding counted as zeros (as in PyTorch); strides default to the size."""
    y, *others = windows(pad(x, padding), (size, size), (strides or size, strides or size))
    for other in others:
        y = y + other
    return y / (size * size)


def global_pool(x: Array) -> Array:
    """The mean over all pixels, [n h w c] -> [n c]."""
    return x.mean((1, 2))


def flatten(x: Array) -> Array:
    """[n h w c] -> [n h*w*c]."""
    return x.reshape(x.shape[0], -1)


def pixel_shuffle(x: Array, times: int) -> Array:
    """[n h w c*times*times] -> [n h*times w*times c], in PyTorch's order: Shi et al. 2016, arXiv:1609.05158."""
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, c // times**2, times, times)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * times, w * times, c // times**2)
