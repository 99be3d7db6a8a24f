"""The figures of a super-resolution."""

from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from gv_jax.evaluation.super_resolution import BASELINE_NAME, SuperResolutionEvaluation
from gv_jax.image.resample import downsample_2x, quantize_8bit, upsample_2x
from gv_jax.reporting.figures import charts, common
from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.report_figure import Augmented, ReportFigure
from gv_jax.reporting.figures.style import BLUE, INK, MUTED, RED

CROP_PX = 50  # side of the crops that are compared
GAINS_CAPTION = (
    "PSNR gain over {baseline} for each image of the {split} split: mean {mean:+.2f} dB, median "
    "{median:+.2f} dB; {improved:.1f} % of the images improve."
)
CROPS_CAPTION = (
    "Images of the largest, median and smallest PSNR gain: original, input, {baseline} and "
    "network, each cropped where {baseline} has the largest error. Decibels are of whole images."
)
WHOLE_CAPTION = "The same images in full, as the network upscales them, with PSNR and gain in dB."


def draw_super_resolution(
    evaluation: SuperResolutionEvaluation,
    folder: Path,
    augmented: Augmented | None = None,
    predict: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[ReportFigure]:
    """Writes the figures as PNG files.

    Args:
        evaluation: What `evaluate_super_resolution` returned.
        folder: Folder of the files; created if missing.
        augmented: Augmented training images [n h w c], and targets that are not used; left out if
            None.
        predict: The network: images in [0, 1] [n h w c] -> [n 2h 2w c]. Figures that need it are
            left out if None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gain = evaluation.results["gain"]
    caption = GAINS_CAPTION.format(
        baseline=BASELINE_NAME,
        split=evaluation.main_split,
        mean=gain["mean_db"],
        median=gain["median_db"],
        improved=100 * gain["improved_fraction"],
    )
    figure = charts.plot_histogram(evaluation.gains, f"PSNR gain over {BASELINE_NAME}, dB")
    figures = [save_report_figure(figure, folder / "gains.png", "results", "PSNR gain", caption)]
    if predict is not None:
        figures += _draw_examples(evaluation, folder, predict)
    if augmented is not None:
        figures.append(common.draw_augmented(folder, augmented[0]))
    return figures


def _draw_examples(
    evaluation: SuperResolutionEvaluation,
    folder: Path,
    predict: Callable[[np.ndarray], np.ndarray],
) -> list[ReportFigure]:
    split = evaluation.dataset.splits[evaluation.main_split]
    rows = {
        row["id"]: row for row in evaluation.predictions if row["split"] == evaluation.main_split
    }
    crops, crop_captions, whole, whole_captions = [], [], [], []
    for index in common.pick_ranked(-evaluation.gains):
        originals = jnp.asarray(split.images[index][None], jnp.float32) / 255.0
        inputs = downsample_2x(originals)
        predicted = quantize_8bit(jnp.asarray(predict(np.asarray(inputs))))
        batches = (originals, inputs, upsample_2x(inputs), predicted)
        versions = [np.asarray(batch)[0] for batch in batches]
        top, left = max_error_window(np.square(versions[2] - versions[0]).sum(-1))
        crops += [crop_window(image, versions[0].shape, top, left) for image in versions]
        name = str(split.ids[index])
        row = rows[name]
        color = BLUE if row["gain_db"] > 0 else RED
        gain = CaptionLine(f"{row['psnr']:.2f} ({row['gain_db']:+.2f})", color)
        baseline_psnr = CaptionLine(f"{row['baseline_psnr']:.2f} dB", MUTED)
        crop_captions += [
            [CaptionLine(name, INK), CaptionLine("original", MUTED)],
            [CaptionLine("input", INK)],
            [CaptionLine(BASELINE_NAME, INK), baseline_psnr],
            [CaptionLine("network", INK), gain],
        ]
        whole.append(versions[3])
        whole_captions.append([CaptionLine(name, INK), gain])
    return [
        save_report_figure(
            image_grid(crops, crop_captions, columns=4),
            folder / "examples.png",
            "gallery",
            "Best, median and worst",
            CROPS_CAPTION.format(baseline=BASELINE_NAME),
            photos=True,
        ),
        save_report_figure(
            image_grid(whole, whole_captions, columns=2),
            folder / "whole.png",
            "gallery",
            "Whole images",
            WHOLE_CAPTION,
            photos=True,
        ),
    ]


def max_error_window(errors: np.ndarray) -> tuple[int, int]:
    """Top and left, both even, of the 50 x 50 window with the largest sum of `errors` [h w]."""
    height, width = errors.shape
    sums = np.pad(errors.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tops = np.arange(0, max(height - CROP_PX, 0) + 1, 2)[:, None]
    lefts = np.arange(0, max(width - CROP_PX, 0) + 1, 2)[None]
    bottoms, rights = np.minimum(tops + CROP_PX, height), np.minimum(lefts + CROP_PX, width)
    windows = sums[bottoms, rights] - sums[tops, rights] - sums[bottoms, lefts] + sums[tops, lefts]
    row, column = np.unravel_index(windows.argmax(), windows.shape)
    return 2 * int(row), 2 * int(column)


def crop_window(image: np.ndarray, shape: tuple[int, ...], top: int, left: int) -> np.ndarray:
    """Crops the window of `max_error_window`.

    Args:
        image: The image [h w c], or a reduced version of it.
        shape: Shape of the full-size image.
        top: First row in the full-size image.
        left: First column in the full-size image.
    """
    factor = shape[0] // image.shape[0]
    top, left, side = top // factor, left // factor, CROP_PX // factor
    return image[top : top + side, left : left + side]
