"""Whether one small image is a copy of another, pixel by pixel, after both are aligned."""

import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image
from scipy import ndimage

from gv_jax.data.duplicates.features import LUMA

MAX_GAIN_CHANGE = 0.05  # a copy may be brighter or darker by this factor
MAX_OFFSET = 9.0  # or by this difference, of 255
LOWEST_QUALITY = 50  # of the JPEGs that are copies
QUALITIES = 50, 57, 65, 73, 80, 88, 95  # tried first, then the qualities near the best one
QUALITY_STEP = 3  # the most between a quality of a JPEG and the nearest one tried later
NOISE_FRACTION = 0.6  # tolerated part of what the lowest quality changes, without an explanation
MAX_UNEXPLAINED = 0.7  # of the difference: the most that a JPEG quality leaves if it explains it
MAX_NOISE = 2.0  # of a JPEG, relative to what the lowest quality changes
CONTRAST_TOLERANCE = 0.2  # of the contrast: root mean square over a window that is tolerated,
MIN_TOLERANCE, MAX_TOLERANCE = 1.0, 4.0  # but at least and at most this, of 255
MAX_COLOR_CHANGE = 2.5  # of 255: the most by which the mean color differs, at equal brightness
WINDOW = 5  # pixels of both sides of the window in which differences are averaged


def brightness_changes(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> Iterator[tuple[float, float]]:
    """Gains and offsets that may make x as bright as y: none, the best gain, the best offset.

    Args:
        x: Colors float32 [h w 3].
        y: Colors float32 [h w 3].
        weights: float32 [h w], of the pixels.
    """
    yield 1.0, 0.0
    # Clipped colors do not change in proportion.
    weights = (weights[..., None] * ((x < 250) & (y < 250) & (x > 5) & (y > 5))).astype(np.float64)
    total = weights.sum()
    if total == 0:
        return
    gain = (weights * x * y).sum() / (weights * x * x).sum()
    if 0.004 < abs(gain - 1) <= MAX_GAIN_CHANGE:
        yield float(gain), 0.0
    offset = (weights * (y - x)).sum() / total
    if 0.5 < abs(offset) <= MAX_OFFSET:
        yield 1.0, float(offset)


def compress(colors: np.ndarray, quality: int, subsampling: str = "4:2:0") -> np.ndarray:
    """The colors float32 [h w 3] after compression as JPEG."""
    pixels = np.clip(np.rint(colors), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(buffer, formats=("JPEG",)), np.float32)


def window_energy(difference: np.ndarray) -> np.ndarray:
    """Mean squares over windows, of brightness and of color: float32 [h w 3] -> [h w 2]."""
    luma = difference @ LUMA
    color = np.square(difference - luma[..., None]).mean(axis=-1)
    energy = np.dstack([np.square(luma), color])
    return ndimage.uniform_filter(energy, WINDOW, axes=(0, 1))


def compression_noise(image: np.ndarray) -> np.ndarray:
    """The `window_energy` of what a JPEG of LOWEST_QUALITY changes: float32 [h w 3] -> [h w 2]."""
    return window_energy(compress(image, LOWEST_QUALITY) - image)


def explain(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, noise_of_y: Callable[[], np.ndarray]
) -> int | None:
    """The JPEG quality that explains the difference of two images, 100 if none is needed.

    A small difference needs none: in no window it exceeds a small value plus a part of what a JPEG
    of the lowest quality changes there, which is much in detailed parts of an image and nothing in
    flat ones. A larger one must be similar to the change that some quality makes. An edited image
    is as different from the JPEG as from its original, and so is a variant with other details.

    Args:
        x: float32 [h w 3], aligned with y and equally bright.
        y: float32 [h w 3].
        weights: Of the pixels whose mean color must agree: float32 [h w].
        noise_of_y: Returns the `compression_noise` of y; called only if needed.

    Returns:
        None if the difference is not explained.
    """
    difference = window_energy(x - y)
    contrast = min(x.std(axis=(0, 1)).max(), y.std(axis=(0, 1)).max())
    tolerated = np.clip(CONTRAST_TOLERANCE * contrast, MIN_TOLERANCE, MAX_TOLERANCE) ** 2
    same_color = color_change(x - y, weights) <= MAX_COLOR_CHANGE
    if same_color and (difference <= tolerated).all():
        return 100
    noise = np.maximum(compression_noise(x), noise_of_y())
    noise = ndimage.maximum_filter(noise, (3, 3, 1))
    if same_color and (difference <= NOISE_FRACTION**2 * noise + tolerated).all():
        return 100
    tolerance = noise + tolerated
    # A JPEG and its original differ by hardly more than the lowest quality changes.
    if (difference > MAX_NOISE**2 * tolerance).any():
        return None
    quality, unexplained = find_quality(x, y)
    remaining = np.sqrt(np.square(unexplained).mean() / np.square(x - y).mean())
    explained = remaining <= MAX_UNEXPLAINED and (window_energy(unexplained) <= tolerance).all()
    same_color = color_change(unexplained, weights) <= MAX_COLOR_CHANGE
    return quality if explained and same_color else None


def color_change(difference: np.ndarray, weights: np.ndarray) -> float:
    """How much a difference changes the mean color, but for its brightness.

    Args:
        difference: float32 [h w 3].
        weights: float32 [h w], of the pixels.
    """
    color = difference - (difference @ LUMA)[..., None]
    mean = (weights[..., None] * color).sum(axis=(0, 1)) / max(float(weights.sum()), 1.0)
    return float(np.abs(mean).max())


def find_quality(x: np.ndarray, y: np.ndarray) -> tuple[int, np.ndarray]:
    """The JPEG quality at which one image becomes most similar to the other, and what remains."""
    tried: dict[tuple[int, str, bool], np.ndarray] = {}

    def remaining(setting: tuple[int, str, bool]) -> float:
        if setting in tried:
            return float(np.square(tried[setting]).mean())
        quality, subsampling, backward = setting
        original, copy = (y, x) if backward else (x, y)
        tried[setting] = compress(original, quality, subsampling) - copy
        return float(np.square(tried[setting]).mean())

    coarse = [
        (quality, subsampling, backward)
        for quality in QUALITIES
        for subsampling in ("4:2:0", "4:4:4")
        for backward in (False, True)
    ]
    first, second = sorted(coarse, key=remaining)[:2]
    fine = {
        (quality, subsampling, backward)
        for best, subsampling, backward in (first, second)
        for quality in range(best - QUALITY_STEP, best + QUALITY_STEP + 1)
        if quality >= LOWEST_QUALITY
    }
    best = min([first, *sorted(fine)], key=remaining)
    return best[0], tried[best]
