"""Feature vectors whose cosine similarity is high for copies of an image.

`layout_features` are a coarse copy of the image. `spectrum_features` are magnitudes of its low
frequencies, which a shift leaves as they are. Both exist for mirrored images too, see `mirror`.
"""

import numpy as np

from gv_jax.data.duplicates.raster import resize_planes

GRID = 32  # pixels of both sides that all images have in common
MIRRORS = (False, False), (False, True), (True, False)  # (vertically, horizontally)
LAYOUT_CELLS = 8  # of both sides of the layout's brightness; half as many of its color
MIN_NORM = 4.0  # of 255, per cell: the contrast below which similarity is weighted less
SPECTRUM_SIDE = 16  # pixels of both sides whose frequencies are taken
MAX_FREQUENCY = 4  # cycles per image
LAYOUT_LENGTH = LAYOUT_CELLS**2 + 2 * (LAYOUT_CELLS // 2) ** 2
SPECTRUM_UNCHANGED = 2 * MAX_FREQUENCY + 1 + MAX_FREQUENCY**2
SPECTRUM_LENGTH = SPECTRUM_UNCHANGED + MAX_FREQUENCY**2
MID_GRAY = 128.0  # behind transparent pixels: the color of no outline, unlike black and white
MIN_ALPHA = 64  # of 255: pixels above are visible in the solid image
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def solid_colors(premultiplied: np.ndarray) -> np.ndarray:
    """Colors of visible pixels without their alpha, MID_GRAY elsewhere.

    Args:
        premultiplied: [... 4], 0 to 255.

    Returns:
        float32 [... 3].
    """
    alpha = premultiplied[..., 3:].astype(np.float32)
    colors = premultiplied[..., :3] * (255 / np.maximum(alpha, 1))
    return np.where(alpha >= MIN_ALPHA, colors, np.float32(MID_GRAY)).astype(np.float32)


def to_grid(raster: np.ndarray) -> np.ndarray:
    """The solid colors of a raster, resized to GRID x GRID: float32 [GRID GRID 3]."""
    colors = solid_colors(raster)[None]
    method = "box" if min(raster.shape[:2]) >= GRID else "bilinear"
    return resize_planes(colors, (GRID, GRID), method)[0]


def shift_grids(grids: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Grids [n GRID GRID 3] shifted by (down, right) [n 2], rounded to pixels; edges repeated."""
    positions = np.arange(GRID) - np.rint(shifts).astype(np.int64)[..., None]  # [n 2 GRID]
    rows, columns = np.moveaxis(np.clip(positions, 0, GRID - 1), 1, 0)
    return grids[np.arange(len(grids))[:, None, None], rows[:, :, None], columns[:, None]]


def layout_features(grids: np.ndarray) -> np.ndarray:
    """Coarse brightness and color: float32 [n GRID GRID 3] -> float32 [n d], of length <= 1.

    Returned as [n planes cells cells] in spirit: brightness first, so `mirror` can flip them.
    """
    luma = grids @ LUMA
    chroma = (grids[..., :2] - grids[..., 2:]) - (grids[..., :2] - grids[..., 2:]).mean((1, 2))[
        :, None, None
    ]
    luma = luma - luma.mean((1, 2), keepdims=True)
    bright = _block_means(luma[..., None], LAYOUT_CELLS)[..., 0]
    color = _block_means(chroma, LAYOUT_CELLS // 2) / 2
    parts = [bright, color[..., 0], color[..., 1]]
    return normalize(np.concatenate([part.reshape(len(grids), -1) for part in parts], axis=1))


def mirror_layout(features: np.ndarray, mirror: tuple[bool, bool]) -> np.ndarray:
    """The layout features of the mirrored images."""
    sides = LAYOUT_CELLS, LAYOUT_CELLS // 2, LAYOUT_CELLS // 2
    parts = np.split(features, np.cumsum([side**2 for side in sides])[:-1], axis=1)
    flipped = [
        flip(part.reshape(-1, side, side), mirror, axis=1).reshape(len(part), side**2)
        for part, side in zip(parts, sides, strict=True)
    ]
    return np.concatenate(flipped, axis=1)


def spectrum_features(grids: np.ndarray) -> np.ndarray:
    """Magnitudes of low frequencies: float32 [n GRID GRID 3] -> float32 [n SPECTRUM_LENGTH].

    The first SPECTRUM_UNCHANGED are the same for a mirrored image; the others change their sign.
    """
    luma = _block_means((grids @ LUMA)[..., None], SPECTRUM_SIDE)[..., 0]
    luma = luma - luma.mean((1, 2), keepdims=True)
    position = (np.arange(SPECTRUM_SIDE) + 0.5) / SPECTRUM_SIDE
    window = (0.15 + np.sin(np.pi * position)).astype(np.float32)
    # Two frequencies per cycle of the padded image, as magnitudes of a window are smooth.
    spectrum = np.abs(np.fft.fft2(luma * np.outer(window, window)))
    magnitude = np.sqrt(spectrum / np.sqrt(np.square(spectrum).sum((1, 2), keepdims=True) + 1e-3))
    top = MAX_FREQUENCY
    below, right = magnitude[:, : top + 1, : top + 1], magnitude[:, : top + 1, -1 : -top - 1 : -1]
    same = [below[:, :, 0], below[:, 0, 1:]]
    sums = below[:, 1:, 1:] + right[:, 1:]
    differences = below[:, 1:, 1:] - right[:, 1:]
    parts = [*same, sums.reshape(len(grids), -1), differences.reshape(len(grids), -1)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def measure_spectrum(
    total: np.ndarray, squares: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the scale, float32 [d], that standardize the spectra of a data set.

    Args:
        total: the sum of the `spectrum_features` of all images: float64 [d].
        squares: the sum of their squares.
        count: the number of images.
    """
    mean = total / count
    mean[SPECTRUM_UNCHANGED:] = 0  # as the others change their sign
    scale = np.sqrt(np.maximum(squares / count - mean**2, 0)) + 0.02
    return mean.astype(np.float32), scale.astype(np.float32)


def standardize_spectrum(spectrum: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """`spectrum_features` [n d] relative to those of the data set: float32 [n d], of length 1."""
    return normalize((spectrum - mean) / scale, 1e-3)


def mirror_spectrum(spectrum: np.ndarray) -> np.ndarray:
    """The spectrum features of the mirrored images."""
    mirrored = spectrum.copy()
    mirrored[:, SPECTRUM_UNCHANGED:] *= -1
    return mirrored


def normalize(vectors: np.ndarray, min_norm: float = MIN_NORM * LAYOUT_CELLS) -> np.ndarray:
    """Rows divided by their length, or by `min_norm` where that is longer: float32 [n d]."""
    length = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    return (vectors / np.maximum(length, min_norm)).astype(np.float32)


def flip(planes: np.ndarray, mirror: tuple[bool, bool], axis: int) -> np.ndarray:
    """Planes mirrored (vertically, horizontally) along `axis` and the next one."""
    axes = tuple(axis + offset for offset, flipped in enumerate(mirror) if flipped)
    return np.flip(planes, axes)


def _block_means(planes: np.ndarray, side: int) -> np.ndarray:
    count, height, width, channels = planes.shape
    blocks = planes.reshape(count, side, height // side, side, width // side, channels)
    return blocks.mean(axis=(2, 4))
