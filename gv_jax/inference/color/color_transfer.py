"""Transfers predicted colors from a small image to the full-size one, whose grays do not change."""

from collections.abc import Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.distributed import compiler_options
from gv_jax.image.color import (
    gray_to_lightness,
    lab_to_display_rgb,
    lightness_to_gray,
    rgb_to_lab,
)

CHUNK_PIXELS = 65_536  # pixels per call: one program for images of every size, in constant memory
GRAY_SIGMA = 13 / 255  # standard deviation of the Gaussian of differences in gray
MIN_WEIGHT = 1e-4  # weight of a neighbor of a very different gray, for pixels without another
STILL_TOLERANCE = 2  # 8-bit steps by which compression may change the gray of a still pixel
TEMPORAL_WEIGHT = 0.9  # weight of the color in the previous frame, where the gray is still
CUT_THRESHOLD = 0.1  # distance between the gray histograms of two frames at a scene cut; 1: maximum


@dataclass(frozen=True)
class LowResChroma:
    """Predicted colors at the size of the network input.

    Attributes:
        grays: uint8 [h w].
        ab: a and b of CIELAB, float32 [h w 2].
    """

    grays: np.ndarray
    ab: np.ndarray


@dataclass(frozen=True)
class FrameState:
    """What the next frame of a clip needs of this one.

    Attributes:
        grays: uint8 [h w].
        ab: a and b of CIELAB, float32 [h*w 2].
    """

    grays: np.ndarray
    ab: np.ndarray


class ChromaUpsampler:
    """Colorizes images of any size from low-resolution chroma of at most `capacity` pixels."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._colorize_chunk = jax.jit(_colorize_chunk, compiler_options=compiler_options())
        self._rgb_to_gray8 = jax.jit(rgb_to_gray8, compiler_options=compiler_options())

    def to_gray(self, image: np.ndarray) -> np.ndarray:
        """Converts uint8 [h w 3] to the gray of the same L, uint8 [h w]."""
        pixels = image.reshape(-1, 3)
        chunks = [
            np.asarray(self._rgb_to_gray8(pad_chunk(pixels[start : start + CHUNK_PIXELS])))
            for start in chunk_starts(len(pixels))
        ]
        return np.concatenate(chunks)[: len(pixels)].reshape(image.shape[:2])

    def __call__(self, grays: np.ndarray, chroma: LowResChroma) -> np.ndarray:
        """Colorizes uint8 [h w] to uint8 [h w 3]; the 8-bit gray of every pixel is preserved."""
        chunks = [rgb for rgb, _ in self._colorize(grays, chroma, None)]
        return np.concatenate(chunks).reshape(*grays.shape, 3)

    def next_frame(
        self, previous: FrameState | None, grays: np.ndarray, chroma: LowResChroma
    ) -> tuple[np.ndarray, FrameState]:
        """Colorizes the next frame of a clip with less flicker.

        The color of a pixel whose gray changed by at most STILL_TOLERANCE is TEMPORAL_WEIGHT of its
        previous color plus the rest of the new one: an exponential moving average over time. It
        restarts where the gray changes, and everywhere at a scene cut (`is_cut`).

        Args:
            previous: State of the previous frame, of the same size; None for the first frame.
            grays: The frame, uint8 [h w].
            chroma: Predicted colors of the frame.

        Returns:
            The frame, uint8 [h w 3], and its state.
        """
        if previous is not None and is_cut(previous.grays, grays):
            previous = None
        chunks = list(self._colorize(grays, chroma, previous))
        rgb, ab = (np.concatenate(arrays) for arrays in zip(*chunks, strict=True))
        return rgb.reshape(*grays.shape, 3), FrameState(grays, ab)

    def _colorize(
        self, grays: np.ndarray, chroma: LowResChroma, previous: FrameState | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (rgb uint8 [n 3], ab float32 [n 2]) of one chunk of pixels after the other."""
        pixels = grays.reshape(-1)
        low_res = np.zeros((self.capacity, 3), np.float32)
        low_res[: chroma.grays.size] = np.concatenate(
            [chroma.grays[..., None] / np.float32(255), chroma.ab], -1
        ).reshape(-1, 3)
        sizes = np.array([*grays.shape, *chroma.grays.shape], np.int32)
        previous_grays = np.zeros(CHUNK_PIXELS, np.uint8)
        previous_ab = np.zeros((CHUNK_PIXELS, 2), np.float32)
        weight = np.float32(0 if previous is None else TEMPORAL_WEIGHT)
        for start in chunk_starts(len(pixels)):
            chunk = slice(start, start + CHUNK_PIXELS)
            if previous is not None:
                previous_grays = pad_chunk(previous.grays.reshape(-1)[chunk])
                previous_ab = pad_chunk(previous.ab[chunk])
            rgb, ab = self._colorize_chunk(
                pad_chunk(pixels[chunk]),
                np.int32(start),
                sizes,
                low_res,
                previous_grays,
                previous_ab,
                weight,
            )
            valid = slice(0, len(pixels) - start)
            yield np.asarray(rgb)[valid], np.asarray(ab)[valid]


def is_cut(previous: np.ndarray, grays: np.ndarray) -> bool:
    """Whether a new scene begins between two frames, uint8 [h w].

    The criterion is the earth mover's distance of their gray histograms, which is the area between
    the cumulative histograms. A scene that scrolls does not change it.
    """
    cumulative = [
        np.cumsum(np.bincount(frame.ravel(), minlength=256)) / frame.size
        for frame in (previous, grays)
    ]
    return float(np.abs(cumulative[0] - cumulative[1]).mean()) > CUT_THRESHOLD


def chunk_starts(count: int) -> range:
    """First pixels of the chunks of `count` pixels."""
    return range(0, count, CHUNK_PIXELS)


def pad_chunk(pixels: np.ndarray) -> np.ndarray:
    """Pads pixels [n ...] with zeros to [CHUNK_PIXELS ...]."""
    missing = CHUNK_PIXELS - len(pixels)
    if not missing:
        return pixels
    return np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), pixels.dtype)])


def rgb_to_gray8(rgb: Array) -> Array:
    """Converts uint8 [n 3] to the gray of the same L, uint8 [n]."""
    gray = lightness_to_gray(rgb_to_lab(rgb.astype(jnp.float32) / 255)[:, 0])
    return jnp.round(gray * 255).astype(jnp.uint8)


def _colorize_chunk(
    grays: Array,
    start: Array,
    sizes: Array,
    low_res: Array,
    previous_grays: Array,
    previous_ab: Array,
    weight: Array,
) -> tuple[Array, Array]:
    """Colorizes n consecutive pixels.

    Args:
        grays: uint8 [n].
        start: Index of the first pixel in the image, row by row.
        sizes: Height and width of the image, then of the low-resolution chroma, int32 [4].
        low_res: Gray in [0, 1], a and b of the low-resolution pixels, row by row, [capacity 3].
        previous_grays: Grays of these pixels in the previous frame, uint8 [n].
        previous_ab: a and b of these pixels in the previous frame, [n 2].
        weight: Weight of `previous_ab` where the gray is still.

    Returns:
        Colors, uint8 [n 3], and a and b before gamut mapping, float32 [n 2].
    """
    light = grays.astype(jnp.float32) / 255
    ab = joint_bilateral(light, start, sizes, low_res)
    change = jnp.abs(grays.astype(jnp.int32) - previous_grays.astype(jnp.int32))
    ab = ab + jnp.where(change <= STILL_TOLERANCE, weight, 0)[:, None] * (previous_ab - ab)
    lab = jnp.concatenate([gray_to_lightness(light)[:, None], ab], -1)
    return keep_gray(grays, lab), ab


def joint_bilateral(light: Array, start: Array, sizes: Array, low_res: Array) -> Array:
    """Upsamples a and b to consecutive pixels with grays `light` [n] in [0, 1]: [n 2].

    Joint bilateral upsampling (Kopf et al. 2007) from the four nearest low-resolution pixels:
    bilinear weights times a Gaussian of the difference in gray, so that colors end at the edges of
    the image. Other arguments as for `_colorize_chunk`.
    """
    height, width, rows, columns = (sizes[index] for index in range(4))
    pixel = start + jnp.arange(len(light), dtype=jnp.int32)
    y, x = (pixel // width, pixel % width)
    total, total_weight = jnp.zeros((len(light), 2)), jnp.zeros((len(light), 1))
    for row, row_weight in _bilinear_taps(y, height, rows):
        for column, column_weight in _bilinear_taps(x, width, columns):
            tap = low_res[row * columns + column]  # [n 3]
            z = (light - tap[:, 0]) / GRAY_SIGMA
            weight = (row_weight * column_weight * (jnp.exp(-z * z / 2) + MIN_WEIGHT))[:, None]
            total, total_weight = total + weight * tap[:, 1:], total_weight + weight
    return total / total_weight


def _bilinear_taps(position: Array, size: Array, low_size: Array) -> list[tuple[Array, Array]]:
    """The two low-resolution positions around each position on one axis, with their weights.

    Args:
        position: Positions on an axis of `size` pixels, int32 [n].
        size: Pixels of the axis.
        low_size: Pixels of the axis at low resolution.
    """
    scale = low_size.astype(jnp.float32) / size.astype(jnp.float32)
    center = (position.astype(jnp.float32) + 0.5) * scale - 0.5
    center = jnp.clip(center, 0, (low_size - 1).astype(jnp.float32))
    first = jnp.floor(center).astype(jnp.int32)
    fraction = center - first.astype(jnp.float32)
    return [(first, 1 - fraction), (jnp.minimum(first + 1, low_size - 1), fraction)]


def keep_gray(grays: Array, lab: Array) -> Array:
    """Converts L, a and b [n 3] to uint8 [n 3] whose 8-bit gray is exactly `grays`, uint8 [n].

    Colors are mapped into the gamut. Rounding red, green and blue changes the gray by at most half
    a step, because linear light is a convex function of them, except near black, where sRGB has a
    knee: for one in 25,000 random colors, all of a gray below 16. Such a pixel becomes gray.
    """
    rgb = jnp.round(lab_to_display_rgb(lab) * 255).astype(jnp.uint8)
    return jnp.where((rgb_to_gray8(rgb) == grays)[:, None], rgb, grays[:, None])
