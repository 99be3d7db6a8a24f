"""Names that are hard to draw, and checks of the PNG files of figures."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from gv_jax.reporting.figures.style import DPI, save_figure

ODD_NAMES = [
    "$x$ and $y_1",
    "a name that goes on and on until nobody wants to read it any more",
    "火の鳥",
    "😀🦄",
    "tab\there",
    "ok",
]


def make_names(count: int) -> list[str]:
    return [*ODD_NAMES, *(f"class_{index}" for index in range(count))][:count]


def save_and_load(figure: Figure, folder: Path) -> Image.Image:
    """The image of the saved figure, which is not blank and has the common resolution."""
    file = folder / "figure.png"
    save_figure(figure, file)
    with Image.open(file) as image:
        image.load()
    assert image.info["dpi"][0] == pytest.approx(DPI, abs=0.1)
    assert np.asarray(image.convert("L")).std() > 1
    return image


def has_ink_at_border(image: Image.Image) -> bool:
    """Whether anything touches the border, where it would be cut off."""
    gray = np.asarray(image.convert("L"))
    return bool((np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]]) < 250).any())
