"""Pooling and sliding windows, [n h w c]."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gv_jax.image.resample import apply_separable
from gv_jax.models.ops.platform import choose_by_platform, is_plain
from gv_jax.models.ops.xla_cpu import materialize, sum_each

Pair = tuple[int, int]  # (down, across), or (before, after)
Edges = tuple[Pair, Pair]  # (above, below), (left, right)
NO_PAD = (0, 0)


def pad_edges(x: Array, down: Pair, across: Pair, value: float = 0.0) -> Array:
    """Pads with `value`: rows `down` (above, below), columns `across` (left, right)."""
    return lax.pad(x, jnp.asarray(value, x.dtype), ((0, 0, 0), (*down, 0), (*across, 0), (0, 0, 0)))


def window_slices(x: Array, size: Pair, strides: Pair) -> list[Array]:
    """The strided slice of `x` for each position in an unpadded window, row by row."""
    n, h, w, c = x.shape
    bottom, right = (
        (side - k) // s * s + 1 for side, k, s in zip((h, w), size, strides, strict=True)
    )
    return [
        lax.slice(x, (0, i, j, 0), (n, i + bottom, j + right, c), (1, *strides, 1))
        for i in range(size[0])
        for j in range(size[1])
    ]


def scatter_windows(
    parts: list[Array], shape: tuple[int, ...], size: Pair, strides: int, padding: Pair
) -> Array:
    """Sums slices into an image: the transpose of zero padding and `window_slices`.

    Args:
        parts: one [n oh ow c] for each position in the window, row by row.
        shape: of the result, (n, h, w, c).
        size: of the window, (down, across).
        strides: along both axes.
        padding: (down, across).
    """
    n, h, w, c = shape
    _, oh, ow, _ = parts[0].shape
    down, across = padding
    total = jnp.zeros((n, h + 2 * down, w + 2 * across, c), parts[0].dtype)
    bottom, right = ((side - 1) * strides + 1 for side in (oh, ow))
    for tap, part in enumerate(parts):
        i, j = divmod(tap, size[1])
        below, beside = h + 2 * down - i - bottom, w + 2 * across - j - right
        edges = ((0, 0, 0), (i, below, strides - 1), (j, beside, strides - 1), (0, 0, 0))
        total = total + lax.pad(part, jnp.zeros((), part.dtype), edges)
    return total[:, down : down + h, across : across + w]


def max_pool(
    x: Array,
    kernel_size: int,
    strides: int | None = None,
    padding: int = 0,
    min_value: float = -jnp.inf,
    *,
    ceil: bool = False,
) -> Array:
    """Maximum over windows. Among equal values the first gets the gradient.

    Args:
        x: [n h w c].
        kernel_size: side of the window, in pixels.
        strides: the kernel size by default.
        padding: pixels on every side that are never the maximum.
        min_value: lower bound of the result; 0 fuses a ReLU with the pooling after it.
        ceil: whether the number of windows is rounded up (PyTorch's `ceil_mode`).
    """
    k, strides = kernel_size, strides or kernel_size
    down, across = (
        (padding, padding + (-(side + 2 * padding - k) % strides if ceil else 0))
        for side in x.shape[1:3]
    )
    if is_plain():
        return max_windows(x, (k, k), (strides, strides), (down, across), min_value)
    if strides > 1:
        return max_pool_first_tie(x, (k, k), (strides, strides), (down, across), min_value)
    # Overlapping windows share their rows: the first maximum of each row, then the first of these.
    x = max_pool_first_tie(x, (1, k), (1, 1), (NO_PAD, across), -jnp.inf)
    return max_pool_first_tie(x, (k, 1), (1, 1), (down, NO_PAD), min_value)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def max_pool_first_tie(
    x: Array, size: Pair, strides: Pair, edges: Edges, min_value: float
) -> Array:
    """`max_windows` with a gradient to the first maximum of each window, faster on a CPU."""
    return max_windows(x, size, strides, edges, min_value)


def max_windows(x: Array, size: Pair, strides: Pair, edges: Edges, min_value: float) -> Array:
    """XLA's max-pooling."""
    least = np.array(-np.inf, x.dtype)  # known while tracing, so JAX sees that this is a maximum
    y = lax.reduce_window(
        x, least, lax.max, (1, *size, 1), (1, *strides, 1), (NO_PAD, *edges, NO_PAD)
    )
    return y if min_value == -jnp.inf else jnp.maximum(y, jnp.asarray(min_value, y.dtype))


def _first_tie_forward(
    x: Array, size: Pair, strides: Pair, edges: Edges, min_value: float
) -> tuple[Array, tuple[Array, Array]]:
    y: Array = max_pool_first_tie(x, size, strides, edges, min_value)
    cpu = partial(first_maxima, size=size, strides=strides, edges=edges, min_value=min_value)
    # elsewhere the gradient needs no indices, and the compiler removes these
    index = choose_by_platform(x, y, cpu=lambda x, y: cpu(x), default=lambda x, y: y)
    return y, (index, x)


def first_maxima(x: Array, *, size: Pair, strides: Pair, edges: Edges, min_value: float) -> Array:
    """The index in its window of the first maximum, from 1; 0 where none is above `min_value`."""
    padded = materialize(pad_edges(x, *edges, -jnp.inf)) if edges != (NO_PAD, NO_PAD) else x
    slices = window_slices(padded, size, strides)
    y = jnp.full_like(slices[0], min_value)
    squared_index = jnp.zeros_like(y)  # of the first maximum in the window, from 1; 0: none
    for index, shifted in enumerate(slices, 1):
        squared_index = jnp.where(shifted > y, jnp.asarray(index * index, y.dtype), squared_index)
        y = jnp.maximum(y, shifted)
    # XLA:CPU never duplicates a square root either: windows are not compared again for each pixel.
    return jnp.sqrt(squared_index)


def _first_tie_backward(
    size: Pair, strides: Pair, edges: Edges, min_value: float, saved: tuple[Array, Array], g: Array
) -> tuple[Array]:
    def plain(index: Array, x: Array, g: Array) -> Array:
        _, pull_back = jax.vjp(lambda x: max_windows(x, size, strides, edges, min_value), x)
        return pull_back(g)[0]

    def cpu(index: Array, x: Array, g: Array) -> Array:
        return scatter_to_maxima(index, g, x.shape, size, strides, edges)

    return (choose_by_platform(*saved, g, cpu=cpu, default=plain),)


def scatter_to_maxima(
    index: Array, g: Array, shape: tuple[int, ...], size: Pair, strides: Pair, edges: Edges
) -> Array:
    """The gradient of `max_windows` on a CPU.

    Args:
        index: of `first_maxima`, [n oh ow c].
        g: gradient of the result, [n oh ow c].
        shape: of the input, (n, h, w, c).
        size: of the window, (down, across).
        strides: of the window, (down, across).
        edges: padding.
    """
    _, h, w, _ = shape
    n, oh, ow, c = g.shape
    # Along each axis a pixel is covered by windows that begin in its block of strides or before.
    before, beside = (-(-k // s) - 1 for k, s in zip(size, strides, strict=True))
    if before or beside:
        index, g = (
            materialize(pad_edges(v, (before, before), (beside, beside))) for v in (index, g)
        )
    i, j = (
        np.arange(s).reshape(shape)
        for s, shape in zip(strides, ((1, 1, -1, 1, 1, 1), (1, 1, 1, 1, -1, 1)), strict=True)
    )
    total = jnp.zeros((), g.dtype)
    for a in range(before + 1):
        for b in range(beside + 1):
            shifted_index, shifted_g = (
                v[:, before - a : 2 * before - a + oh, None, beside - b : 2 * beside - b + ow, None]
                for v in (index, g)
            )
            row, column = a * strides[0] + i, b * strides[1] + j
            taps = np.where((row < size[0]) & (column < size[1]), row * size[1] + column + 1, -1)
            is_maximum = shifted_index == taps.astype(g.dtype)
            total = total + jnp.where(is_maximum, shifted_g, jnp.zeros((), g.dtype))
    u, v = (oh + before) * strides[0], (ow + beside) * strides[1]
    (top, _), (left, _) = edges
    crop = ((0, 0, 0), (-top, h + top - u, 0), (-left, w + left - v, 0), (0, 0, 0))
    return lax.pad(total.reshape(n, u, v, c), jnp.zeros((), g.dtype), crop)


max_pool_first_tie.defvjp(_first_tie_forward, _first_tie_backward)


def avg_pool(x: Array, kernel_size: int, strides: int | None = None, padding: int = 0) -> Array:
    """Mean over windows, padding counted as zeros (as in PyTorch).

    Args:
        x: [n h w c].
        kernel_size: side of the window, in pixels.
        strides: the kernel size by default.
        padding: zeros on every side, in pixels.
    """
    k, strides = kernel_size, strides or kernel_size
    if is_plain():
        return sum_windows(x, k, strides, padding) / (k * k)

    def sum_slices(x: Array) -> Array:
        padded = pad_edges(x, (padding, padding), (padding, padding))
        y, *slices = window_slices(padded, (k, k), (strides, strides))
        for shifted in slices:
            y = y + shifted
        return y

    total = choose_by_platform(
        x, cpu=sum_slices, default=lambda x: sum_windows(x, k, strides, padding)
    )
    return total / (k * k)


def sum_windows(x: Array, kernel_size: int, strides: int, padding: int) -> Array:
    """XLA's sum over square windows, padding counted as zeros."""
    k, edges = kernel_size, (padding, padding)
    zero = np.zeros((), x.dtype)
    return lax.reduce_window(
        x, zero, lax.add, (1, k, k, 1), (1, strides, strides, 1), (NO_PAD, edges, edges, NO_PAD)
    )


def global_pool(x: Array) -> Array:
    """Mean over all pixels, [n h w c] -> [n c]."""
    _, h, w, _ = x.shape
    return sum_each(x) / (h * w)


@lru_cache(maxsize=16)
def adaptive_pool_matrix(size: int, bins: int) -> np.ndarray:
    """float32 [bins size]: means over `bins` intervals of one axis (PyTorch's adaptive pooling).

    Intervals overlap where `size` is not a multiple of `bins`.
    """
    start = np.arange(bins) * size // bins
    end = -(-(np.arange(bins) + 1) * size // bins)
    pixels = np.arange(size)
    inside = ((pixels >= start[:, None]) & (pixels < end[:, None])).astype(np.float32)
    return inside / inside.sum(1, keepdims=True)


def adaptive_pool(x: Array, bins: int) -> Array:
    """Means over a grid of `bins` x `bins` cells of an image of any size.  # [n bins bins c]"""
    _, h, w, _ = x.shape
    return (
        x
        if (h, w) == (bins, bins)
        else apply_separable(x, adaptive_pool_matrix(h, bins), adaptive_pool_matrix(w, bins))
    )
