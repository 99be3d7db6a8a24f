"""The figures of a colorization."""

from pathlib import Path

import numpy as np

from gv_jax.evaluation.colorization import ColorizationEvaluation
from gv_jax.reporting.figures import common
from gv_jax.reporting.figures.color_examples import (
    MAX_ERROR,
    Colorize,
    example_grid,
    make_example,
    palette_grid,
)
from gv_jax.reporting.figures.common import Augmented, save_report_figure
from gv_jax.reporting.figures.report_figure import ReportFigure

MAX_GAMES = 12  # games with an example
RANKED_CAPTION = (
    "Images of the lowest, median and highest mean CIEDE2000 (ΔE) of the {split} split: network "
    "input, gray-lookup baseline, network, original, and error of the network from black (0) to "
    "white (ΔE {max_error:.0f} or more)."
)
GAMES_CAPTION = "The image of the median CIEDE2000 of every game."
PALETTES_CAPTION = (
    "Colors of the same images, sorted by lightness, with widths by frequency: gray-lookup "
    "baseline, network, original (top to bottom)."
)


def draw_colorization(
    evaluation: ColorizationEvaluation,
    folder: Path,
    augmented: Augmented | None = None,
    colorize: Colorize | None = None,
) -> list[ReportFigure]:
    """Writes the figures as PNG files.

    Args:
        evaluation: What `evaluate_colorization` returned.
        folder: Folder of the files; created if missing.
        augmented: Augmented training images [n h w 3], and targets that are not used; left out if
            None.
        colorize: The network and its baseline; figures that need them are left out if None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = []
    if colorize is not None:
        split = evaluation.dataset.splits[evaluation.main_split]
        ranked, games = (
            [make_example(str(split.ids[i]), split.images[i], colorize) for i in indices]
            for indices in (common.pick_ranked(evaluation.errors), pick_per_game(evaluation))
        )
        caption = RANKED_CAPTION.format(split=evaluation.main_split, max_error=MAX_ERROR)
        for figure, stem, title, text in (
            (example_grid(ranked, 5), "examples", "Best, median and worst", caption),
            (example_grid(games, 4), "games", "Every game", GAMES_CAPTION),
            (palette_grid(games), "palettes", "Palettes", PALETTES_CAPTION),
        ):
            file = folder / f"{stem}.png"
            figures.append(save_report_figure(figure, file, "gallery", title, text, photos=True))
    if augmented is not None:
        figures.append(common.draw_augmented(folder, augmented[0]))
    return figures


def pick_per_game(evaluation: ColorizationEvaluation) -> list[int]:
    """Index of the image of the median error of every game."""
    labels = np.asarray(evaluation.dataset.splits[evaluation.main_split].labels)
    indices = []
    for label in np.unique(labels)[:MAX_GAMES]:
        of_label = np.flatnonzero(labels == label)
        order = np.argsort(evaluation.errors[of_label], kind="stable")
        indices.append(int(of_label[order[len(of_label) // 2]]))
    return indices
