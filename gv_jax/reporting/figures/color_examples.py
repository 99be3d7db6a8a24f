"""Examples of colorized images: rows of comparisons, and palettes."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from gv_jax.evaluation.whole_images import ImageVersions
from gv_jax.image.ciede2000 import ciede2000
from gv_jax.image.color import lab_to_display_rgb, rgb_to_lab
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.report_figure import Colorize
from gv_jax.reporting.figures.style import INK, MUTED, SHEET_WIDTH

MAX_ERROR = 40.0  # CIEDE2000 of the upper end of the color map of errors
STRIP_SHAPE = (28, 240)  # pixels of a palette
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


@dataclass(frozen=True)
class ColorExample:
    """An image with its colorizations.

    Attributes:
        name: Id of the image.
        gray: The input, uint8 [h w 3].
        lookup: The gray lookup in [0, 1] [h w 3].
        network: The prediction in [0, 1] [h w 3].
        original: The original in [0, 1] [h w 3].
        error_map: CIEDE2000 of the prediction as a color map, in [0, 1] [h w 3].
        lookup_error: Mean CIEDE2000 of the baseline.
        network_error: Mean CIEDE2000 of the prediction.
    """

    name: str
    gray: np.ndarray
    lookup: np.ndarray
    network: np.ndarray
    original: np.ndarray
    error_map: np.ndarray
    lookup_error: float
    network_error: float


def make_example(name: str, versions: ImageVersions) -> ColorExample:
    """Compares the colorizations of one image with the original."""
    lookup, network, original = (
        image.astype(np.float32) / 255
        for image in (versions.lookup, versions.network, versions.original)
    )
    lookup_errors, network_errors = (
        np.asarray(_differences(image, original)) for image in (lookup, network)
    )
    error_map = colormaps["inferno"](np.clip(network_errors / MAX_ERROR, 0, 1))[..., :3]
    return ColorExample(
        name=name,
        gray=versions.gray,
        lookup=lookup,
        network=network,
        original=original,
        error_map=error_map,
        lookup_error=float(lookup_errors.mean()),
        network_error=float(network_errors.mean()),
    )


@jax.jit
def _differences(image: jax.Array, original: jax.Array) -> jax.Array:
    return ciede2000(rgb_to_lab(image), rgb_to_lab(original))


def colorize_array(image: np.ndarray, colorize: Colorize) -> ImageVersions:
    """Colorizes one image at the size of the network input.

    Args:
        image: The original, uint8 [h w 3].
        colorize: The network and its baseline.
    """
    grays, lookup, network = colorize(image[None].astype(np.float32) / 255)
    gray = np.round(255 * np.asarray(grays)[0]).astype(np.uint8)
    return ImageVersions(np.repeat(gray, 3, -1), _to_rgb8(lookup), _to_rgb8(network), image)


def _to_rgb8(lab: jax.Array) -> np.ndarray:
    """L, a and b [1 h w 3] in 8-bit sRGB, uint8 [h w 3]."""
    return np.round(255 * np.asarray(_display(lab))[0]).astype(np.uint8)


_display = jax.jit(lab_to_display_rgb)


def example_grid(examples: Sequence[ColorExample], columns: int) -> Figure:
    """A row per example: gray, gray lookup, network, original, and with 5 columns the error map."""
    images, captions = [], []
    for example in examples:
        lookup_error = CaptionLine(f"ΔE {example.lookup_error:.1f}", MUTED)
        network_error = CaptionLine(f"ΔE {example.network_error:.1f}", MUTED)
        row = (
            (example.gray, [CaptionLine(example.name, INK), CaptionLine("input", MUTED)]),
            (example.lookup, [CaptionLine("gray lookup", INK), lookup_error]),
            (example.network, [CaptionLine("network", INK), network_error]),
            (example.original, [CaptionLine("original", INK)]),
            (example.error_map, [CaptionLine("error", INK)]),
        )
        for image, caption in row[:columns]:
            images.append(image)
            captions.append(caption)
    return image_grid(images, captions, columns=columns, width=SHEET_WIDTH)


def palette_grid(examples: Sequence[ColorExample]) -> Figure:
    """The palettes of gray lookup, network and original of each example, one below the other."""
    images = []
    gap = np.ones((STRIP_SHAPE[0] // 4, STRIP_SHAPE[1], 3))
    for example in examples:
        versions = (example.lookup, example.network, example.original)
        lookup, network, original = (palette_strip(image) for image in versions)
        images.append(np.concatenate([lookup, gap, network, gap, original]))
    captions = [[CaptionLine(example.name, INK)] for example in examples]
    return image_grid(images, captions, columns=2, width=SHEET_WIDTH)


def palette_strip(image: np.ndarray) -> np.ndarray:
    """The colors of an image [h w 3] in [0, 1] from dark to light, by frequency: [28 240 3]."""
    pixels = np.round(image.reshape(-1, 3) * 255) / 255
    order = np.lexsort((pixels[:, 2], pixels[:, 0], np.round(pixels @ LUMA, 2)))
    quantiles = np.linspace(0, len(order) - 1, STRIP_SHAPE[1]).round().astype(int)
    return np.broadcast_to(pixels[order[quantiles]], (*STRIP_SHAPE, 3))
