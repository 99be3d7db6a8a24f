"""Color metrics of 8-bit images of any size, tile by tile: one program serves all sizes.

The values are those of `color_metrics` and `flicker`, which compile a program for every image size;
that takes longer than the computation where every image has a size of its own.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.image.ciede2000 import ciede2000
from gv_jax.image.color import rgb_to_lab
from gv_jax.image.color_metrics import (
    AB_SCALE,
    NEAR_CIEDE2000,
    colorfulness_of_moments,
    opponent_colors,
)
from gv_jax.image.metrics import MAX_DB, SSIM_SIDE, ssim_map

TILE = 128  # side of the part of a tile that is measured; the SSIM windows there reach beyond it
PER_PIXEL = ("ciede2000", "within_5", "mse", "mae")  # metrics that are means over pixels


def compare_images(image: np.ndarray, original: np.ndarray) -> dict[str, float]:
    """The metrics of `color_metrics`, by name; without "ssim" if a side is below SSIM_SIDE.

    Args:
        image: Colorized image, uint8 [h w 3].
        original: Its original, uint8 [h w 3].
    """
    sums: dict[str, np.ndarray] = {}
    for tiles, inside in _iterate_tiles(image, original):
        for name, value in jax.device_get(_tile_sums(*tiles, inside)).items():
            sums[name] = sums.get(name, np.float64(0)) + value.astype(np.float64)
    height, width = image.shape[:2]
    num_pixels = height * width
    num_windows = max(height - SSIM_SIDE + 1, 0) * max(width - SSIM_SIDE + 1, 0)
    metrics = {name: float(sums[name] / num_pixels) for name in PER_PIXEL}
    error = float(sums["rgb_mse"] / num_pixels)
    metrics["psnr"] = float(-10 * np.log10(max(error, 10 ** (-MAX_DB / 10))))
    if num_windows:
        metrics["ssim"] = float(sums["ssim"] / num_windows)
    predicted, true = (
        float(colorfulness_of_moments(*(sums[f"{name}_opponent"] / num_pixels)))
        for name in ("image", "original")
    )
    return metrics | {
        "colorfulness": predicted,
        "colorfulness_error": abs(predicted - true),
    }


def compare_frames(
    frames: tuple[np.ndarray, np.ndarray], grays: tuple[np.ndarray, np.ndarray]
) -> tuple[float, int]:
    """The `flicker` of two consecutive frames.

    Args:
        frames: Colorized frame and the next one, uint8 [h w 3] each.
        grays: Their grays, uint8 [h w] each.

    Returns:
        The change of a and b, summed over the pixels whose gray is equal, and their number.
    """
    still = grays[0] == grays[1]
    total = 0.0
    for (tile, next_tile, mask), _ in _iterate_tiles(*frames, still[..., None]):
        total += float(_tile_change(tile, next_tile, mask[:TILE, :TILE, 0]))
    return total, int(still.sum())


def _iterate_tiles(*images: np.ndarray) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
    """Yields the tiles of equally large images [h w c], all of one shape, row by row.

    Each is (tiles [t t c] with zeros outside of the image, inside): t is TILE + SSIM_SIDE - 1 and
    `inside` the height and width of the image from the corner of the tile on, int32 [2].
    """
    height, width = images[0].shape[:2]
    side = TILE + SSIM_SIDE - 1
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            tiles = []
            for image in images:
                part = image[top : top + side, left : left + side]
                missing = [(0, side - length) for length in part.shape[:2]]
                tiles.append(np.pad(part, [*missing, (0, 0)]))
            yield tiles, np.array([height - top, width - left], np.int32)


@jax.jit
def _tile_sums(image: Array, original: Array, inside: Array) -> dict[str, Array]:
    """Sums over the pixels, and over the SSIM windows, that begin in the first TILE² of a tile."""
    rgb, true_rgb = (tile.astype(jnp.float32) / 255 for tile in (image, original))

    def mask_below(limit: Array) -> Array:
        rows, columns = (jnp.arange(TILE, dtype=jnp.int32) < limit[axis] for axis in (0, 1))
        return (rows[:, None] & columns[None]).astype(jnp.float32)

    pixels, windows = mask_below(inside), mask_below(inside - (SSIM_SIDE - 1))
    similarity = ssim_map(rgb[None], true_rgb[None])[0].mean(-1)  # [TILE TILE]
    rgb, true_rgb = rgb[:TILE, :TILE], true_rgb[:TILE, :TILE]
    lab, true_lab = rgb_to_lab(rgb), rgb_to_lab(true_rgb)
    errors = (lab - true_lab)[..., 1:] / AB_SCALE
    differences = ciede2000(lab, true_lab)
    maps = {
        "ciede2000": differences,
        "within_5": (differences <= NEAR_CIEDE2000).astype(jnp.float32),
        "mse": jnp.square(errors).mean(-1),
        "mae": jnp.abs(errors).mean(-1),
        "rgb_mse": jnp.square(rgb - true_rgb).mean(-1),
    }
    sums = {name: (values * pixels).sum() for name, values in maps.items()}
    sums["ssim"] = (similarity * windows).sum()
    for name, tile in (("image", image), ("original", original)):
        opponent = opponent_colors(tile[:TILE, :TILE].astype(jnp.float32))
        moments = jnp.stack([opponent, jnp.square(opponent)])  # [2 TILE TILE 2]
        sums[f"{name}_opponent"] = (moments * pixels[None, ..., None]).sum((1, 2))
    return sums


@jax.jit
def _tile_change(tile: Array, next_tile: Array, mask: Array) -> Array:
    """The distance of a and b, summed over the pixels of `mask`, bool [TILE TILE]."""
    ab, next_ab = (
        rgb_to_lab(image[:TILE, :TILE].astype(jnp.float32) / 255)[..., 1:]
        for image in (tile, next_tile)
    )
    return jnp.where(mask, jnp.sqrt(jnp.square(ab - next_ab).sum(-1)), 0).sum()
