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

from gv_jax.models.fourier import convolve_by_fourier, fourier_pays

he_normal = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")


def on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def relu(x: Array) -> Array:
    """max(x, 0), computed once: XLA's CPU backend repeats cheap operations in every place that uses their result,
    in whatever order it reads, but never a division."""
    y = nnx.relu(x)
    return y / lax.optimization_barrier(jnp.ones((), x.dtype)) if on_cpu() else y


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


class BatchNorm(nnx.Module):
    """Ioffe & Szegedy 2015, arXiv:1502.03167; statistics in float32, the result in the precision of what comes in.

    `momentum` is the share of the running statistics that is kept. `nnx.view(model, use_running_average=True)`
    switches to them.
    """

    def __init__(self, features: int, *, momentum: float, epsilon: float):
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.mean = nnx.BatchStat(jnp.zeros(features))
        self.var = nnx.BatchStat(jnp.ones(features))
        self.momentum = momentum
        self.epsilon = epsilon
        self.use_running_average = False

    def set_view(self, use_running_average: bool | None = None) -> None:
        """Called by `nnx.view`."""
        if use_running_average is not None:
            self.use_running_average = use_running_average

    def __call__(self, x: Array) -> Array:
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        scale, bias = self.scale[...].astype(wide.dtype), self.bias[...].astype(wide.dtype)
        if self.use_running_average:
            gain = scale * lax.rsqrt(self.var[...].astype(wide.dtype) + self.epsilon)
            shift = bias - self.mean[...].astype(wide.dtype) * gain
            return (wide * gain.reshape(1, 1, 1, -1) + shift.reshape(1, 1, 1, -1)).astype(x.dtype)
        # The mean of the centred values is zero, so that no gradient passes through the mean that is subtracted
        # for the variance; for the result it passes through the bias. That saves a sum over all pixels.
        mean = wide.mean((0, 1, 2))
        fixed = lax.stop_gradient(mean)
        centred = wide - fixed.reshape(1, 1, 1, -1)
        var = (centred * centred).mean((0, 1, 2))
        gain = scale * lax.rsqrt(var + self.epsilon)
        self.mean[...] = self.running(self.mean[...], mean)
        self.var[...] = self.running(self.var[...], var)
        y = centred * gain.reshape(1, 1, 1, -1) + (bias + (fixed - mean) * gain).reshape(1, 1, 1, -1)
        return y.astype(x.dtype)

    def running(self, old: Array, new: Array) -> Array:
        new = lax.stop_gradient(new).astype(old.dtype)
        return self.momentum * old + (1 - self.momentum) * new


def norm(features: int, *, rngs: nnx.Rngs | None = None) -> BatchNorm:
    """Batch normalisation with PyTorch's momentum (0.1 there is 0.9 here) and epsilon."""
    del rngs  # ones and zeros; taken so that every layer is made the same way
    return BatchNorm(features, momentum=0.9, epsilon=1e-5)


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
        y = x[:, ::strides, ::strides] @ kernel[0, 0]
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
    inputs = input_gradient(x, kernel, g, strides, padding)
    moved = g.transpose(1, 2, 0, 3)
    return inputs, kernel_gradient(x, kernel, moved, strides, padding), None if bias is None else g.sum((0, 1, 2))


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


def pad(x: Array, padding: int, value: float = 0.0) -> Array:
    edges = ((0, 0, 0), (padding, padding, 0), (padding, padding, 0), (0, 0, 0))
    return lax.pad(x, jnp.asarray(value, x.dtype), edges)


def windows(x: Array, size: int, strides: int) -> list[Array]:
    """The size*size strided slices of x, one for each place in an unpadded window, row by row."""
    n, h, w, c = x.shape
    bottom, right = ((side - size) // strides * strides + 1 for side in (h, w))
    return [
        lax.slice(x, (0, i, j, 0), (n, i + bottom, j + right, c), (1, strides, strides, 1))
        for i in range(size)
        for j in range(size)
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
    return first_maximum(x, size, strides or size, padding, floor)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def first_maximum(x: Array, size: int, strides: int, padding: int, floor: float) -> Array:
    edges = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    least = jnp.asarray(-jnp.inf, x.dtype)
    y = lax.reduce_window(x, least, lax.max, (1, size, size, 1), (1, strides, strides, 1), edges)
    return y if floor == -jnp.inf else jnp.maximum(y, jnp.asarray(floor, y.dtype))


def first_maximum_forward(
    x: Array, size: int, strides: int, padding: int, floor: float
) -> tuple[Array, tuple[Array, Array]]:
    places = windows(pad(x, padding, -jnp.inf), size, strides)
    y = jnp.full_like(places[0], floor)
    squared_place = jnp.zeros_like(y)
    for place, other in enumerate(places, 1):
        squared_place = jnp.where(other > y, jnp.asarray(place * place, y.dtype), squared_place)
        y = jnp.maximum(y, other)
    # A square root is not repeated either: this keeps the windows from being compared again for every pixel.
    return first_maximum(x, size, strides, padding, floor), (jnp.sqrt(squared_place), x)


def first_maximum_backward(
    size: int, strides: int, padding: int, floor: float, saved: tuple[Array, Array], g: Array
) -> tuple[Array]:
    place, x = saved
    n, h, w, c = x.shape
    _, oh, ow, _ = g.shape
    reach = -(-size // strides)  # windows that cover a pixel, along one axis
    total = jnp.zeros((), g.dtype)
    for a in range(reach):
        for b in range(reach):
            edges = ((0, 0, 0), (a, reach - 1 - a, 0), (b, reach - 1 - b, 0), (0, 0, 0))
            moved, share = (lax.pad(v, jnp.zeros((), v.dtype), edges)[:, :, None, :, None] for v in (place, g))
            i = (a * strides + np.arange(strides)).reshape(1, 1, -1, 1, 1, 1)
            j = (b * strides + np.arange(strides)).reshape(1, 1, 1, 1, -1, 1)
            taps = np.where((i < size) & (j < size), i * size + j + 1, -1)
            total = total + jnp.where(moved == taps.astype(g.dtype), share, jnp.zeros((), g.dtype))
    u, v = (oh + reach - 1) * strides, (ow + reach - 1) * strides
    crop = ((0, 0, 0), (-padding, h + padding - u, 0), (-padding, w + padding - v, 0), (0, 0, 0))
    return (lax.pad(total.reshape(n, u, v, c), jnp.zeros((), g.dtype), crop),)


first_maximum.defvjp(first_maximum_forward, first_maximum_backward)


def avg_pool(x: Array, size: int, strides: int | None = None, padding: int = 0) -> Array:
    """The mean over windows, padding counted as zeros (as in PyTorch); strides default to the size."""
    y, *others = windows(pad(x, padding), size, strides or size)
    for other in others:
        y = y + other
    return y / (size * size)


def global_pool(x: Array) -> Array:
    """The mean over all pixels, [n h w c] -> [n c]."""
    return x.mean((1, 2))


def flatten(x: Array) -> Array:
    """[n h w c] -> [n h*w*c]."""
    return x.reshape(x.shape[0], -1)
