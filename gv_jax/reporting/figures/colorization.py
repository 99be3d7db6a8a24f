"""The figures of a colorization."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gv_jax.evaluation.colorization import ColorizationEvaluation
from gv_jax.reporting.figures import common
from gv_jax.reporting.figures.color_examples import (
    MAX_ERROR,
    ColorExample,
    colorize_array,
    example_grid,
    make_example,
    palette_grid,
)
from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.report_figure import Augmented, Colorize, ReportFigure

MAX_GAMES = 12  # games with an example
WHOLE_TEXT = (
    "whole images of the {split} split at their own size, as gv-jax colorize writes them: gray "
    "input, gray lookup, network, original"
)
ARRAY_TEXT = (
    "images of the {split} split at the size of the network input: network input, gray lookup, "
    "network, original"
)
RANKED_CAPTION = (
    "The lowest, median and highest mean CIEDE2000 (ΔE) of {text}, and the error of the network "
    "from black (0) to white (ΔE {max_error:.0f} or more)."
)
GAMES_CAPTION = "The median CIEDE2000 of every game, of {text}."
LIGHTNESS_CAPTION = (
    "The same images as the network restores them from its degraded input, lightness included: "
    "{text}. gv-jax colorize keeps the lightness of its input instead."
)
PALETTES_CAPTION = (
    "Colors of the images of every game, sorted by lightness, with widths by frequency: "
    "gray lookup, network, original (top to bottom)."
)


def draw_colorization(
    evaluation: ColorizationEvaluation,
    folder: Path,
    augmented: Augmented | None = None,
    colorize: Colorize | None = None,
    predicts_lightness: bool = False,
) -> list[ReportFigure]:
    """Writes the figures as PNG files.

    Args:
        evaluation: What `evaluate_colorization` returned. Its whole images are drawn if it has any.
        folder: Folder of the files; created if missing.
        augmented: Augmented training images [n h w 3], and targets that are not used; left out if
            None.
        colorize: The network and its baseline at the size of the network input; figures that need
            them are left out if None.
        predicts_lightness: Whether the network predicts the lightness too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = []
    split, whole = evaluation.dataset.splits[evaluation.main_split], evaluation.whole

    def make_array_example(index: int) -> ColorExample:
        assert colorize is not None
        return make_example(str(split.ids[index]), colorize_array(split.images[index], colorize))

    array_text = ARRAY_TEXT.format(split=evaluation.main_split)
    if whole is not None:
        indices, errors = list(whole.indices), whole.outputs["ciede2000"]
        text = WHOLE_TEXT.format(split=evaluation.main_split)

        def make_whole_example(position: int) -> ColorExample:
            return make_example(str(split.ids[indices[position]]), whole.versions(position))

        figures += _draw_sheets(folder, errors, split.labels[indices], make_whole_example, text)
        if predicts_lightness and colorize is not None:
            games = [indices[i] for i in pick_per_game(errors, split.labels[indices])]
            sheet = example_grid([make_array_example(index) for index in games], 4)
            caption = LIGHTNESS_CAPTION.format(text=array_text)
            figures.append(_save_sheet(sheet, folder, "restored", "Lightness restored", caption))
    elif colorize is not None:
        figures += _draw_sheets(
            folder, evaluation.errors, split.labels, make_array_example, array_text
        )
    if augmented is not None:
        figures.append(common.draw_augmented(folder, augmented[0]))
    return figures


def _draw_sheets(
    folder: Path,
    errors: np.ndarray,
    labels: np.ndarray,
    make: Callable[[int], ColorExample],
    text: str,
) -> list[ReportFigure]:
    """Draws ranked images, an image of every game, and their palettes.

    Args:
        folder: Folder of the files.
        errors: Mean CIEDE2000 of every image [n].
        labels: Games of the images [n].
        make: The image at an index with its colorizations.
        text: What the images are, for the captions.
    """
    ranked, games = (
        [make(int(index)) for index in indices]
        for indices in (common.pick_ranked(errors), pick_per_game(errors, labels))
    )
    ranked_caption = RANKED_CAPTION.format(text=text, max_error=MAX_ERROR)
    return [
        _save_sheet(figure, folder, stem, title, caption)
        for figure, stem, title, caption in (
            (example_grid(ranked, 5), "examples", "Best, median and worst", ranked_caption),
            (example_grid(games, 4), "games", "Every game", GAMES_CAPTION.format(text=text)),
            (palette_grid(games), "palettes", "Palettes", PALETTES_CAPTION),
        )
    ]


def _save_sheet(figure: Figure, folder: Path, stem: str, title: str, caption: str) -> ReportFigure:
    file = folder / f"{stem}.png"
    return save_report_figure(figure, file, "gallery", title, caption, photos=True)


def pick_per_game(errors: np.ndarray, labels: np.ndarray) -> list[int]:
    """Index of the image of the median error of every game, of errors and labels [n]."""
    labels = np.asarray(labels)
    indices = []
    for label in np.unique(labels)[:MAX_GAMES]:
        of_label = np.flatnonzero(labels == label)
        order = np.argsort(errors[of_label], kind="stable")
        indices.append(int(of_label[order[len(of_label) // 2]]))
    return indices
