"""3x3 convolutions of stride 1 by Winograd's minimal filtering F(4x4, 3x3), [n h w c], on a CPU.

A tile of 4x4 outputs takes 36 multiplications per pair of channels instead of 144. Tiles, kernel
and products are [36, ...] arrays; the products are one batched matrix product over channels.
Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", section 4.

Measured factors on 2 CPU cores over XLA's convolution, forward / gradient of the input / of the
kernel: 48 to 192 channels at 56x56, batch 8, 1.4 / 1.5 / 1.5; 64 to 256 at 28x28 1.8 / 1.4 / 1.3;
batch 16, 64 to 128 at 56x56 1.7 / 1.7 / 1.2, 128 at 28x28 1.9 / 1.8 / 1.4, 256 at 14x14
1.8 / 1.7 / 1.5, 512 at 7x7 1.3 / 1.5 / 1.4. Narrower maps keep XLA's convolution: 64 channels at
56x56 1.2 / 1.3 / 0.9, 24 at 112x112 0.8 / 0.8 / 1.0.
Rounding errors are at most 2e-5 of the largest output in float32 (XLA's convolution: 1e-6), so
other dtypes keep it as well.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

TILE = 4  # outputs along one side of a tile
WINDOW = TILE + 2  # inputs along one side of a tile
# Least ci * co / (ci + co): below, transforming tiles costs what multiplications save. A ResNet-50
# with its layers of 64 channels, 1.1 times as fast, would differ by 1.2e-4 from PyTorch's.
MIN_SHARED_CHANNELS = 38
PART_BYTES = 20 * 2**20  # of transformed tiles at a time: more do not fit into the caches
MAX_WASTE = 2.0  # computed outputs per output: a map's last tiles hang over its edges

# Points 0, 1, -1, 2, -2 and infinity; Lavin and Gray, equation 14, rows of the kernel's transform
# scaled as there. The two axes of a tile are flattened into one, so each is a Kronecker square.
_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float32,
)
_KERNEL = np.array(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float32
) / np.float32(24)
_OUTPUT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    np.float32,
)
INPUT_TRANSFORM = np.kron(_INPUT, _INPUT)  # [36 36], from the inputs of a tile
KERNEL_TRANSFORM = np.kron(_KERNEL, _KERNEL)  # [36 9], from the taps
FLIPPED_KERNEL_TRANSFORM = np.kron(_KERNEL[:, ::-1], _KERNEL[:, ::-1])  # from the taps, turned
OUTPUT_TRANSFORM = np.kron(_OUTPUT, _OUTPUT)  # [16 36], to the outputs of a tile


class Grid(NamedTuple):
    """The tiles that cover a map of outputs.

    Attributes:
        n: images.
        height: of the map, in pixels, as `width`.
        width: of the map, in pixels.
    """

    n: int
    height: int
    width: int

    @property
    def rows(self) -> int:
        """Tiles along the height."""
        return -(-self.height // TILE)

    @property
    def columns(self) -> int:
        """Tiles along the width."""
        return -(-self.width // TILE)

    @property
    def tiles(self) -> int:
        """Of all images."""
        return self.n * self.rows * self.columns

    def count_parts(self, channels: int) -> int:
        """The least number of equal parts of the batch with up to PART_BYTES each.

        Args:
            channels: of inputs and outputs together.
        """
        size = WINDOW**2 * self.tiles * channels * 4
        divisors = (parts for parts in range(1, self.n) if self.n % parts == 0)
        return next((parts for parts in divisors if size <= parts * PART_BYTES), self.n)


def make_grid(shape: tuple[int, ...], padding: tuple[int, int]) -> Grid:
    """The tiles of the outputs for padded images [n h w c]."""
    n, h, w, _ = shape
    return Grid(n, h + 2 * padding[0] - 2, w + 2 * padding[1] - 2)


def winograd_is_faster(
    x: Array, kernel_shape: tuple[int, ...], strides: int, padding: tuple[int, int]
) -> bool:
    """Whether a convolution on a CPU, with its gradients, is faster here than by XLA.

    Args:
        x: [n h w ci]; its shape and dtype matter.
        kernel_shape: [a b ci co].
        strides: along both axes.
        padding: zeros above and below, left and right, in pixels.
    """
    a, b, ci, co = kernel_shape
    if (a, b, strides) != (3, 3, 1) or max(padding) > 2 or x.dtype != jnp.float32:
        return False
    grid = make_grid(x.shape, padding)
    if x.shape[-1] != ci or ci * co < MIN_SHARED_CHANNELS * (ci + co) or min(grid) < 1:
        return False
    return grid.tiles * TILE**2 <= MAX_WASTE * grid.n * grid.height * grid.width


def conv_winograd(x: Array, kernel: Array, padding: tuple[int, int]) -> Array:
    """Cross-correlates `x` [n h w ci] with `kernel` [3 3 ci co], padded by up to 2 zeros."""
    taps = transform_taps(KERNEL_TRANSFORM, kernel)

    def convolve_part(x: Array) -> Array:
        tiles, grid = transform_inputs(x, padding)
        return transform_outputs(jnp.matmul(tiles, taps), grid)

    return map_parts(convolve_part, x, make_grid(x.shape, padding).count_parts(sum(taps.shape[1:])))


def winograd_input_gradient(kernel: Array, g: Array, padding: tuple[int, int]) -> Array:
    """Gradient of `conv_winograd` in `x` for `g` [n oh ow co]: a convolution by turned taps."""
    taps = transform_taps(FLIPPED_KERNEL_TRANSFORM, kernel)
    edges = (2 - padding[0], 2 - padding[1])
    all_tiles = make_grid(g.shape, edges)

    def convolve_part(g: Array) -> Array:
        tiles, grid = transform_inputs(g, edges)
        return transform_outputs(_batched_product(tiles, taps, 2, 2), grid)

    if all_tiles.tiles >= kernel.shape[2]:
        return map_parts(convolve_part, g, all_tiles.count_parts(sum(taps.shape[1:])))
    # Fewer tiles than channels: the taps, slow to read as the second factor, are the first.
    tiles, grid = transform_inputs(g, edges)
    products = _batched_product(taps, tiles, 2, 2)  # [36 ci tiles]
    return transform_outputs(products, grid, channel_axis=1)


def winograd_kernel_gradient(x: Array, g: Array, padding: tuple[int, int]) -> Array:
    """Gradient of `conv_winograd` in the kernel, [3 3 ci co], for `g` [n oh ow co]."""
    parts = make_grid(x.shape, padding).count_parts(x.shape[-1] + g.shape[-1])
    compute_part = partial(_gradient_of_taps, padding=padding)
    if parts == 1:
        taps = compute_part(x, g)
    else:
        zeros = jnp.zeros((WINDOW**2, x.shape[-1], g.shape[-1]), x.dtype)
        taps, _ = lax.scan(
            lambda taps, part: (taps + compute_part(*part), None),
            zeros,
            (split_batch(x, parts), split_batch(g, parts)),
        )
    gradient = jnp.matmul(KERNEL_TRANSFORM.T, taps.reshape(WINDOW**2, -1))
    return gradient.reshape(3, 3, *taps.shape[1:])


def _gradient_of_taps(x: Array, g: Array, padding: tuple[int, int]) -> Array:
    """The gradient in the transformed taps, [36 ci co]."""
    tiles, grid = transform_inputs(x, padding)
    rows, columns = grid.rows * TILE - grid.height, grid.columns * TILE - grid.width
    g = lax.pad(g, np.float32(0), ((0, 0, 0), (0, rows, 0), (0, columns, 0), (0, 0, 0)))
    co = g.shape[-1]
    g = g.reshape(grid.n, grid.rows, TILE, grid.columns, TILE, co).transpose(2, 4, 1, 3, 0, 5)
    gradients = jnp.matmul(OUTPUT_TRANSFORM.T, g.reshape(TILE**2, -1)).reshape(-1, grid.tiles, co)
    return _batched_product(tiles, gradients, 1, 1)


def map_parts(function: Callable[[Array], Array], x: Array, parts: int) -> Array:
    """Applies `function` of images to equal parts of a batch, one after the other."""
    if parts == 1:
        return function(x)
    y = lax.map(function, split_batch(x, parts))
    return y.reshape(len(x), *y.shape[2:])


def split_batch(x: Array, parts: int) -> Array:
    """[n ...] -> [parts n/parts ...]."""
    return x.reshape(parts, -1, *x.shape[1:])


def transform_inputs(x: Array, padding: tuple[int, int]) -> tuple[Array, Grid]:
    """Zero-pads `x` [n h w c] and transforms its tiles, [36 tiles c]."""
    n, h, w, c = x.shape
    down, across = padding
    grid = make_grid(x.shape, padding)
    rows, columns = grid.rows + 1, grid.columns + 1  # a window reaches into the next tile
    edges = (
        (0, 0, 0),
        (down, rows * TILE - h - down, 0),
        (across, columns * TILE - w - across, 0),
        (0, 0, 0),
    )
    padded = lax.pad(x, np.float32(0), edges)
    blocks = padded.reshape(n, rows, TILE, columns, TILE, c).transpose(2, 4, 1, 3, 0, 5)
    windows = jnp.stack(
        [
            blocks[
                i % TILE,
                j % TILE,
                i // TILE : i // TILE + grid.rows,
                j // TILE : j // TILE + grid.columns,
            ]
            for i in range(WINDOW)
            for j in range(WINDOW)
        ]
    )
    return jnp.matmul(INPUT_TRANSFORM, windows.reshape(WINDOW**2, -1)).reshape(
        -1, grid.tiles, c
    ), grid


def transform_taps(transform: np.ndarray, kernel: Array) -> Array:
    """Transforms `kernel` [3 3 ci co] by `transform` [36 9], [36 ci co]."""
    return jnp.matmul(transform, kernel.reshape(9, -1)).reshape(-1, *kernel.shape[2:])


def transform_outputs(products: Array, grid: Grid, channel_axis: int = 2) -> Array:
    """The map [n oh ow c] of which `products` are the transformed tiles.

    Args:
        products: [36 tiles c], or [36 c tiles].
        grid: of the tiles.
        channel_axis: of the products, 2 or 1.
    """
    c = products.shape[channel_axis]
    outputs = jnp.matmul(OUTPUT_TRANSFORM, products.reshape(WINDOW**2, -1))
    tiles = grid.rows, grid.columns, grid.n
    if channel_axis == 1:
        image = outputs.reshape(TILE, TILE, c, *tiles).transpose(5, 3, 0, 4, 1, 2)
    else:
        image = outputs.reshape(TILE, TILE, *tiles, c).transpose(4, 2, 0, 3, 1, 5)
    image = image.reshape(grid.n, grid.rows * TILE, grid.columns * TILE, c)
    return image[:, : grid.height, : grid.width]


def _batched_product(a: Array, b: Array, a_axis: int, b_axis: int) -> Array:
    """Products of the matrices of `a` and `b`, [36 ...], summed over one axis of each."""
    return lax.dot_general(a, b, (((a_axis,), (b_axis,)), ((0,), (0,))))
