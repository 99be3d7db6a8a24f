"""The figures of a generation run: generated images, the closest pairs, tiles side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gv_jax.evaluation.generation.evaluation import GeneratedSamples, GenerationEvaluation
from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.figures.style import INK, MUTED, RED

PER_CLASS = 12  # images of a row
NUM_PAIRS = 12
PAIR_COLUMNS = 6  # images of a row
TILES_PER_CLASS = 4
REPEATS = 3  # of a tile, along both axes
SHEET_WIDTH = 14.0  # inches
SHEET_CAPTION = (
    "Generated images, a row per class: the first {count} of seed 0, as `gv-jax generate` writes "
    "them. None was chosen."
)
PAIRS_CAPTION = (
    "The generated images that are nearest to a training image, left, and that image, right, with "
    "the root mean square difference of premultiplied values in [0, 1] and its ratio to that of "
    "the nearest image of another group, under shifts of up to 2 pixels and mirroring. Ratios "
    "below 1/3, in red, count as copies."
)
TILES_CAPTION = "Generated images of tileable classes, repeated {repeats}x{repeats}."


def draw_generation(evaluation: GenerationEvaluation, folder: Path) -> list[ReportFigure]:
    """Writes the figures as PNG files; none for an evaluation without generated images."""
    if evaluation.generated is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    classes = evaluation.dataset.classes
    return [
        draw_sheet(evaluation.generated, classes, folder),
        draw_pairs(evaluation, folder),
        *draw_tiles(evaluation, folder),
    ]


def draw_sheet(generated: GeneratedSamples, classes: Sequence[str], folder: Path) -> ReportFigure:
    """Draws the first images of each class."""
    images, captions = [], []
    for label, name in enumerate(classes):
        for index in np.flatnonzero(generated.samples.labels == label)[:PER_CLASS]:
            images.append(generated.samples.images[index])
            captions.append([CaptionLine(name, INK)])
    figure = image_grid(images, captions, columns=PER_CLASS, width=SHEET_WIDTH)
    caption = SHEET_CAPTION.format(count=PER_CLASS)
    file = folder / "generated.png"
    return save_report_figure(figure, file, "gallery", "Generated images", caption, photos=True)


def draw_pairs(evaluation: GenerationEvaluation, folder: Path) -> ReportFigure:
    """Draws the generated images of the smallest ratios beside their nearest training images."""
    generated, training = evaluation.generated, evaluation.dataset.splits["train"]
    assert generated is not None
    nearest = generated.metrics.nearest
    images, captions = [], []
    for position in np.argsort(nearest.ratio, kind="stable")[:NUM_PAIRS]:
        row = generated.training_rows[nearest.index[position]]
        sample = generated.measured[position]
        name = evaluation.dataset.classes[generated.samples.labels[sample]]
        color = RED if nearest.is_copy[position] else MUTED
        distance, ratio = nearest.distance[position], nearest.ratio[position]
        images += [generated.samples.images[sample], np.asarray(training.images[int(row)])]
        captions += [
            [CaptionLine(name, INK), CaptionLine(f"{distance:.3f}, ratio {ratio:.2f}", color)],
            [CaptionLine(str(training.ids[int(row)]), INK), CaptionLine("training image", MUTED)],
        ]
    figure = image_grid(images, captions, columns=PAIR_COLUMNS, width=SHEET_WIDTH)
    file = folder / "closest_pairs.png"
    return save_report_figure(figure, file, "gallery", "Closest pairs", PAIRS_CAPTION, photos=True)


def draw_tiles(evaluation: GenerationEvaluation, folder: Path) -> list[ReportFigure]:
    """Draws images of the tileable classes side by side; nothing without such classes."""
    generated = evaluation.generated
    assert generated is not None
    images, captions = [], []
    for label in evaluation.tileable_labels:
        for index in np.flatnonzero(generated.samples.labels == label)[:TILES_PER_CLASS]:
            images.append(np.tile(generated.samples.images[index], (REPEATS, REPEATS, 1)))
            captions.append([CaptionLine(evaluation.dataset.classes[label], INK)])
    if not images:
        return []
    figure = image_grid(images, captions, columns=TILES_PER_CLASS)
    caption = TILES_CAPTION.format(repeats=REPEATS)
    file = folder / "tiles.png"
    return [save_report_figure(figure, file, "gallery", "Tiles", caption, photos=True)]
