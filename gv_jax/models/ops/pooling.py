"""Windows and pooling, [n h w c]."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gv_jax.image.resample import apply_separable
from gv_jax.models.ops.xla_cpu import materialize

Pair = tuple[int, int]  # down, across; or before, after
Edges = tuple[Pair, Pair]  # above and below; left and right
NO_PAD = (0, 0)


def pad_edges(x: Array, down: Pair, across: Pair, value: float = 0.0) -> Array:
    """Pixels of `value` above and below, left and right."""
    return lax.pad(x, jnp.asarray(value, x.dtype), ((0, 0, 0), (*down, 0), (*across, 0), (0, 0, 0)))


def window_slices(x: Array, size: Pair, strides: Pair) -> list[Array]:
    """The strided slices of x, one for each place in an unpadded window, row by row."""
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
    """The transpose of padding and `windows`: what `parts` sum to in a picture of `shape`."""
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
    size: int,
    strides: int | None = None,
    padding: int = 0,
    floor: float = -jnp.inf,
    *,
    ceil: bool = False,
) -> Array:
    """The maximum over windows; strides default to the size. Of equal values the first gets the gradient.

    Nothing below `floor` comes out: 0 makes one pass of a ReLU and the pooling after it. With `ceil` a last window
    that reaches over the edge counts too, as far as it is inside (PyTorch's `ceil_mode`).
    """
    strides = strides or size
    sides = [
        (padding, padding + (-(side + 2 * padding - size) % strides if ceil else 0))
        for side in x.shape[1:3]
    ]
    down, across = sides
    if strides > 1:
        return max_pool_first_tie(x, (size, size), (strides, strides), (down, across), floor)
    # Overlapping windows share their rows: the first maximum of each row, then the first of these.
    x = max_pool_first_tie(x, (1, size), (1, 1), (NO_PAD, across), -jnp.inf)
    return max_pool_first_tie(x, (size, 1), (1, 1), (down, NO_PAD), floor)


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def max_pool_first_tie(x: Array, size: Pair, strides: Pair, edges: Edges, floor: float) -> Array:
    least = jnp.asarray(-jnp.inf, x.dtype)
    y = lax.reduce_window(
        x, least, lax.max, (1, *size, 1), (1, *strides, 1), (NO_PAD, *edges, NO_PAD)
    )
    return y if floor == -jnp.inf else jnp.maximum(y, jnp.asarray(floor, y.dtype))


def _first_tie_forward(
    x: Array, size: Pair, strides: Pair, edges: Edges, floor: float
) -> tuple[Array, tuple[Array, Array]]:
    padded = materialize(pad_edges(x, *edges, -jnp.inf)) if edges != (NO_PAD, NO_PAD) else x
    places = window_slices(padded, size, strides)
    y = jnp.full_like(places[0], floor)
    squared_place = jnp.zeros_like(y)
    for place, other in enumerate(places, 1):
        squared_place = jnp.where(other > y, jnp.asarray(place * place, y.dtype), squared_place)
        y = jnp.maximum(y, other)
    # A square root is not repeated either: this keeps the windows from being compared again for every pixel.
    return max_pool_first_tie(x, size, strides, edges, floor), (jnp.sqrt(squared_place), x)


def _first_tie_backward(
    size: Pair, strides: Pair, edges: Edges, floor: float, saved: tuple[Array, Array], g: Array
) -> tuple[Array]:
    place, x = saved
    n, h, w, c = x.shape
    _, oh, ow, _ = g.shape
    # The windows that cover a pixel, along each axis: those that begin in its own block of strides or before.
    before, beside = (-(-k // s) - 1 for k, s in zip(size, strides, strict=True))
    if before or beside:
        place, g = (
            materialize(pad_edges(v, (before, before), (beside, beside))) for v in (place, g)
        )
    i, j = (
        np.arange(s).reshape(shape)
        for s, shape in zip(strides, ((1, 1, -1, 1, 1, 1), (1, 1, 1, 1, -1, 1)), strict=True)
    )
    total = jnp.zeros((), g.dtype)
    for a in range(before + 1):
        for b in range(beside + 1):
            moved, share = (
                v[:, before - a : 2 * before - a + oh, None, beside - b : 2 * beside - b + ow, None]
                for v in (place, g)
            )
            row, column = a * strides[0] + i, b * strides[1] + j
            taps = np.where((row < size[0]) & (column < size[1]), row * size[1] + column + 1, -1)
            total = total + jnp.where(moved == taps.astype(g.dtype), share, jnp.zeros((), g.dtype))
    u, v = (oh + before) * strides[0], (ow + beside) * strides[1]
    (top, _), (left, _) = edges
    crop = ((0, 0, 0), (-top, h + top - u, 0), (-left, w + left - v, 0), (0, 0, 0))
    return (lax.pad(total.reshape(n, u, v, c), jnp.zeros((), g.dtype), crop),)


max_pool_first_tie.defvjp(_first_tie_forward, _first_tie_backward)


def avg_pool(x: Array, size: int, strides: int | None = None, padding: int = 0) -> Array:
    """The mean over windows, padding counted as zeros (as in PyTorch); strides default to the size."""
    y, *others = window_slices(
        pad_edges(x, (padding, padding), (padding, padding)),
        (size, size),
        (strides or size, strides or size),
    )
    for other in others:
        y = y + other
    return y / (size * size)


def global_pool(x: Array) -> Array:
    """The mean over all pixels, [n h w c] -> [n c]."""
    return x.mean((1, 2))


@lru_cache(maxsize=16)
def adaptive_pool_matrix(size: int, bins: int) -> np.ndarray:
    """float32 [bins size]: the mean over each of `bins` stretches; they overlap where `size` is no multiple of it."""
    start = np.arange(bins) * size // bins
    end = -(-(np.arange(bins) + 1) * size // bins)
    pixels = np.arange(size)
    seen = ((pixels >= start[:, None]) & (pixels < end[:, None])).astype(np.float32)
    return seen / seen.sum(1, keepdims=True)


def adaptive_pool(x: Array, bins: int) -> Array:
    """Means over a grid of `bins` x `bins` stretches, whatever the size (PyTorch's).  # [n bins bins c]"""
    _, h, w, _ = x.shape
    return (
        x
        if (h, w) == (bins, bins)
        else apply_separable(x, adaptive_pool_matrix(h, bins), adaptive_pool_matrix(w, bins))
    )
