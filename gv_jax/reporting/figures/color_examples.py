"""Examples of colorized images: rows of comparisons, and palettes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from gv_jax.image.ciede2000 import ciede2000
from gv_jax.image.color import lab_to_display_rgb, rgb_to_lab
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.style import INK, MUTED

MAX_ERROR = 40.0  # CIEDE2000 of the upper end of the color map of errors
STRIP_SHAPE = (28, 240)  # pixels of a palette
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601

# Images in [0, 1] [n h w 3] -> the grays that the network gets, in [0, 1] [n h w 1], and L, a and b
# of the gray-lookup baseline and of the network, each [n h w 3].
Colorize = Callable[[np.ndarray], tuple[jax.Array, jax.Array, jax.Array]]


@dataclass(frozen=True)
class ColorExample:
    """An image with its colorizations.

    Attributes:
        name: Id of the image.
        gray: What the network gets, in [0, 1] [h w 1].
        lookup: The gray-lookup baseline in [0, 1] [h w 3].
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


def make_example(name: str, image: np.ndarray, colorize: Colorize) -> ColorExample:
    """Colorizes one image.

    Args:
        name: Id of the image.
        image: The original, uint8 [h w 3].
        colorize: The network and its baseline.
    """
    original = image[None].astype(np.float32) / 255
    grays, lookup_lab, network_lab = colorize(original)
    lookup, lookup_errors = _display_with_errors(lookup_lab, original)
    network, network_errors = _display_with_errors(network_lab, original)
    error_map = colormaps["inferno"](np.clip(network_errors / MAX_ERROR, 0, 1))[..., :3]
    return ColorExample(
        name=name,
        gray=np.asarray(grays)[0],
        lookup=lookup,
        network=network,
        original=original[0],
        error_map=error_map,
        lookup_error=float(lookup_errors.mean()),
        network_error=float(network_errors.mean()),
    )


def _display_with_errors(lab: jax.Array, original: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sRGB [h w 3] of L, a and b [1 h w 3], and its CIEDE2000 [h w] to the original [1 h w 3]."""
    rgb, errors = _display_and_compare(lab, original)
    return np.asarray(rgb)[0], np.asarray(errors)[0]


@jax.jit
def _display_and_compare(lab: jax.Array, original: jax.Array) -> tuple[jax.Array, jax.Array]:
    rgb = lab_to_display_rgb(lab)
    return rgb, ciede2000(rgb_to_lab(rgb), rgb_to_lab(original))


def example_grid(examples: Sequence[ColorExample], columns: int) -> Figure:
    """A row per example: gray, lookup, network, original, and with 5 columns the error map."""
    images, captions = [], []
    for example in examples:
        lookup_error = CaptionLine(f"ΔE {example.lookup_error:.1f}", MUTED)
        network_error = CaptionLine(f"ΔE {example.network_error:.1f}", MUTED)
        row = (
            (example.gray, [CaptionLine(example.name, INK), CaptionLine("input", MUTED)]),
            (example.lookup, [CaptionLine("lookup", INK), lookup_error]),
            (example.network, [CaptionLine("network", INK), network_error]),
            (example.original, [CaptionLine("original", INK)]),
            (example.error_map, [CaptionLine("error", INK)]),
        )
        for image, caption in row[:columns]:
            images.append(image)
            captions.append(caption)
    return image_grid(images, captions, columns=columns)


def palette_grid(examples: Sequence[ColorExample]) -> Figure:
    """The palettes of lookup, network and original of each example, one below the other."""
    images = []
    gap = np.ones((STRIP_SHAPE[0] // 4, STRIP_SHAPE[1], 3))
    for example in examples:
        versions = (example.lookup, example.network, example.original)
        lookup, network, original = (palette_strip(image) for image in versions)
        images.append(np.concatenate([lookup, gap, network, gap, original]))
    captions = [[CaptionLine(example.name, INK)] for example in examples]
    return image_grid(images, captions, columns=2)


def palette_strip(image: np.ndarray) -> np.ndarray:
    """The colors of an image [h w 3] in [0, 1] from dark to light, by frequency: [28 240 3]."""
    pixels = np.round(image.reshape(-1, 3) * 255) / 255
    order = np.lexsort((pixels[:, 2], pixels[:, 0], np.round(pixels @ LUMA, 2)))
    quantiles = np.linspace(0, len(order) - 1, STRIP_SHAPE[1]).round().astype(int)
    return np.broadcast_to(pixels[order[quantiles]], (*STRIP_SHAPE, 3))
