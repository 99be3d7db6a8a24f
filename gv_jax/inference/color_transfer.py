"""From the colours that a network gave to a small picture to the whole one, whose greys stay exactly what they are."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.distributed import compiler_options
from gv_jax.image.color import (
    gray_to_lightness,
    lab_to_rgb,
    lightness_to_gray,
    map_to_gamut,
    rgb_to_lab,
)
from gv_jax.image.resample import quantize_8bit

CHUNK_PIXELS = 65_536  # that are worked on together: one program for pictures of every size, in memory that stays small
SIMILAR_GRAY = (
    13 / 255
)  # greys that differ by more are hardly of one surface: the deviation of a Gaussian
MIN_WEIGHT = 1e-4  # weight of a neighbour that is not alike at all, for pixels that have no other
STILL_TOLERANCE = 2  # steps of 8 bits by which the grey of a pixel that stays may change: compression does that much
TEMPORAL_WEIGHT = 0.9  # share of the colour of the frame before, where the grey stays
CUT_THRESHOLD = 0.1  # of the way from black to white: how far the greys of a frame lie from those of the one before at a cut


@dataclass(frozen=True)
class LowResChroma:
    """A picture at the size at which a network saw it. greys: uint8 [h w]; ab: float32 [h w 2], a and b of CIELAB."""

    greys: np.ndarray
    ab: np.ndarray


@dataclass(frozen=True)
class FrameState:
    """What the next frame of a clip is told of this one. greys: uint8 [h w]; ab: float32 [h*w 2]."""

    greys: np.ndarray
    ab: np.ndarray


class ChromaUpsampler:
    """Paints pictures of any size after sketches of up to `capacity` pixels."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.stroke = jax.jit(_colorize_chunk, compiler_options=compiler_options())
        self.in_grey = jax.jit(rgb_to_gray8, compiler_options=compiler_options())
        self.nothing = np.zeros(CHUNK_PIXELS, np.uint8), np.zeros((CHUNK_PIXELS, 2), np.float32)

    def greys(self, picture: np.ndarray) -> np.ndarray:
        """uint8 [h w 3] -> uint8 [h w]: each pixel's grey is as light as its colour (`color.grey_of`)."""
        pixels = picture.reshape(-1, 3)
        parts = [
            np.asarray(self.in_grey(pad_rows(pixels[place : place + CHUNK_PIXELS])))
            for place in chunk_starts(len(pixels))
        ]
        return np.concatenate(parts)[: len(pixels)].reshape(picture.shape[:2])

    def __call__(self, greys: np.ndarray, sketch: LowResChroma) -> np.ndarray:
        """uint8 [h w] -> uint8 [h w 3]; the 8-bit grey of every pixel of it is that of `greys`."""
        return np.concatenate([rgb for rgb, _ in self._strokes(greys, sketch, None)]).reshape(
            *greys.shape, 3
        )

    def after(
        self, before: FrameState | None, greys: np.ndarray, sketch: LowResChroma
    ) -> tuple[np.ndarray, FrameState]:
        """The same for a frame of a clip, whose colours change slowly where its greys stay, and what is to be told of
        it.

        A pixel whose grey is within STILL of what it was `before` takes CARRIED of the colour it had, the rest of the
        sketch: an exponential average along time, which forgets a colour at once where the grey moves, and everything
        at a cut (`is_cut`).
        """
        strokes = list(
            self._strokes(
                greys, sketch, None if before is None or is_cut(before.greys, greys) else before
            )
        )
        rgb, ab = (np.concatenate(parts) for parts in zip(*strokes, strict=True))
        return rgb.reshape(*greys.shape, 3), FrameState(greys, ab)

    def _strokes(self, greys: np.ndarray, sketch: LowResChroma, before: FrameState | None):
        """(rgb uint8 [n 3], ab float32 [n 2]) of PIXELS after PIXELS."""
        flat = greys.reshape(-1)
        seen = np.zeros((self.capacity, 3), np.float32)
        seen[: sketch.greys.size] = np.concatenate(
            [sketch.greys[..., None] / np.float32(255), sketch.ab], -1
        ).reshape(-1, 3)
        sizes = np.array([*greys.shape, *sketch.greys.shape], np.int32)
        for place in chunk_starts(len(flat)):
            part = slice(place, place + CHUNK_PIXELS)
            earlier, share = self.nothing, np.float32(0)
            if before is not None:
                earlier = pad_rows(before.greys.reshape(-1)[part]), pad_rows(before.ab[part])
                share = np.float32(TEMPORAL_WEIGHT)
            rgb, ab = self.stroke(
                pad_rows(flat[part]), np.int32(place), sizes, seen, *earlier, share
            )
            kept = slice(0, len(flat) - place)
            yield np.asarray(rgb)[kept], np.asarray(ab)[kept]


def is_cut(before: np.ndarray, greys: np.ndarray) -> bool:
    """Whether another scene begins: the two frames' histograms of grey, uint8 [h w], are further apart than CUT.

    The distance is the earth mover's, the area between the cumulated histograms: a picture that scrolls has none.
    """
    shares = [
        np.cumsum(np.bincount(frame.ravel(), minlength=256)) / frame.size
        for frame in (before, greys)
    ]
    return float(np.abs(shares[0] - shares[1]).mean()) > CUT_THRESHOLD


def chunk_starts(count: int) -> range:
    return range(0, count, CHUNK_PIXELS)


def pad_rows(pixels: np.ndarray) -> np.ndarray:
    """PIXELS of them; zeros are added."""
    missing = CHUNK_PIXELS - len(pixels)
    return (
        np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), pixels.dtype)])
        if missing
        else pixels
    )


def rgb_to_gray8(rgb: Array) -> Array:
    """uint8 [n 3] -> uint8 [n]"""
    grey = lightness_to_gray(rgb_to_lab(rgb.astype(jnp.float32) / 255)[:, 0])
    return jnp.round(grey * 255).astype(jnp.uint8)


def _colorize_chunk(
    greys: Array,
    place: Array,
    sizes: Array,
    seen: Array,
    before_greys: Array,
    before_ab: Array,
    share: Array,
) -> tuple[Array, Array]:
    """(uint8 [n 3], float32 [n 2]): pixels from `place` on, row by row, with their colours, and a and b of these.

    greys: uint8 [n]. sizes: height and width of the picture, then of the sketch. seen: [capacity 3], the sketch's greys
    in [0, 1] and its a and b, row by row. before_greys, before_ab: of the frame before; share: taken of the latter.
    """
    light = greys.astype(jnp.float32) / 255
    ab = joint_bilateral(light, place, sizes, seen)
    still = jnp.abs(greys.astype(jnp.int32) - before_greys.astype(jnp.int32)) <= STILL_TOLERANCE
    ab = ab + jnp.where(still, share, 0)[:, None] * (before_ab - ab)
    return keep_gray(greys, jnp.concatenate([gray_to_lightness(light)[:, None], ab], -1)), ab


def joint_bilateral(light: Array, place: Array, sizes: Array, seen: Array) -> Array:
    """a and b [n 2] of pixels with the greys `light` [n], of the four pixels of the sketch around each.

    Joint bilateral upsampling (Kopf et al. 2007): bilinear weights times a Gaussian of the difference in grey, so that
    colours end where the picture's edges are.
    """
    height, width, rows, columns = (sizes[index] for index in range(4))
    pixel = place + jnp.arange(len(light), dtype=jnp.int32)
    y, x = (pixel // width, pixel % width)
    total, weights = jnp.zeros((len(light), 2)), jnp.zeros((len(light), 1))
    for row, down in _bilinear_taps(y, height, rows):
        for column, across in _bilinear_taps(x, width, columns):
            there = seen[row * columns + column]  # [n 3]
            apart = (light - there[:, 0]) / SIMILAR_GRAY
            weight = (down * across * (jnp.exp(-apart * apart / 2) + MIN_WEIGHT))[:, None]
            total, weights = total + weight * there[:, 1:], weights + weight
    return total / weights


def _bilinear_taps(pixel: Array, size: Array, target: Array) -> list[tuple[Array, Array]]:
    """Along one side of `size` pixels: the two of `target` pixels around each, with their bilinear weights."""
    centre = (pixel.astype(jnp.float32) + 0.5) * (
        target.astype(jnp.float32) / size.astype(jnp.float32)
    ) - 0.5
    centre = jnp.clip(centre, 0, (target - 1).astype(jnp.float32))
    first = jnp.floor(centre).astype(jnp.int32)
    share = centre - first.astype(jnp.float32)
    return [(first, 1 - share), (jnp.minimum(first + 1, target - 1), share)]


def keep_gray(greys: Array, lab: Array) -> Array:
    """uint8 [n 3]: L, a and b [n 3] in 8 bits, faded into the gamut, every pixel with the grey uint8 [n] of its L.

    Rounding red, green and blue moves the grey by half a step at most, as their amounts of light are convex functions
    of them; but near black, where sRGB has a corner, by a little more: one of 25,000 random colours, all below a grey
    of 16 of 255. Such a pixel stays grey.
    """
    rgb = jnp.round(quantize_8bit(lab_to_rgb(map_to_gamut(lab))) * 255).astype(jnp.uint8)
    return jnp.where((rgb_to_gray8(rgb) == greys)[:, None], rgb, greys[:, None])
