"""A figure of a report, and what it is drawn from. Imports nothing slow: tasks name these types."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

FeatureMaps = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]  # batch -> {name: [n h w c]}
Augmented = tuple[np.ndarray, np.ndarray]  # images in [0, 1] or uint8 [n h w c], targets [n ...]
# Images in [0, 1] [n h w 3] -> the grays that the network gets, in [0, 1] [n h w 1], and L, a and b
# of the gray lookup and of the network, each [n h w 3].
Colorize = Callable[[np.ndarray], tuple[jax.Array, jax.Array, jax.Array]]


@dataclass(frozen=True)
class ReportFigure:
    """A PNG file and the text of the report that goes with it.

    Attributes:
        file: The PNG file, with its resolution in dots per inch.
        section: Key of the section of the report, as in `report.FIGURE_SECTIONS`.
        title: Heading.
        caption: Text below the figure.
        photos: Whether it shows images of the data set, whose colors a dark page must not invert.
    """

    file: Path
    section: str
    title: str
    caption: str
    photos: bool = False
