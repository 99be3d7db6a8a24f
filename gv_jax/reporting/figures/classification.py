"""The figures of a classification."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gv_jax.evaluation.class_metrics import normalize_rows
from gv_jax.evaluation.classification import ClassificationEvaluation
from gv_jax.reporting.figures import charts, common
from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.fonts import replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.report_figure import Augmented, FeatureMaps, ReportFigure
from gv_jax.reporting.figures.style import BLUE, INK, RED

GALLERY_IMAGES = 9  # images of a gallery
MIXED_BELOW, MIXED_ABOVE = 0.85, 0.1  # targets of an image that is a mixture of two classes
MATRIX_CAPTION = (
    "Images of the {split} split, true classes in rows and predicted classes in columns. The color "
    "scale is a square root, so that rare errors are visible."
)
NORMALIZED_CAPTION = (
    "The same in percent of each true class; the diagonal is the recall. A dark column off the "
    "diagonal is a class that others are confused with."
)
GROUP_CAPTION = "In percent of each true group. Group accuracy {accuracy:.1f} %. {errors}"
GROUP_ERRORS = (
    "Of all errors, {within:.1f} % are within the group and {across:.1f} % across groups."
)
RELIABILITY_CAPTION = (
    "Top: accuracy by calibrated confidence; bars below the dashed line mean overconfidence. "
    "Bottom: distribution of the confidence. Expected calibration error (ECE) {ece:.1f} %."
)
GALLERIES = {  # (correct, confident) -> file, title, caption
    (False, True): (
        "confident_errors",
        "Most confident errors",
        "True class, and below it the predicted class with its confidence. Look for wrong labels "
        "and near-duplicates of other classes here.",
    ),
    (False, False): (
        "uncertain_errors",
        "Least confident errors",
        "True class, and below it the predicted class with its confidence.",
    ),
    (True, True): (
        "confident_correct",
        "Most confident correct predictions",
        "Correct predictions of the highest confidence, spread over the classes.",
    ),
    (True, False): (
        "uncertain_correct",
        "Least confident correct predictions",
        "Correct predictions of the lowest confidence, close to an error.",
    ),
}


def draw_classification(
    evaluation: ClassificationEvaluation,
    folder: Path,
    augmented: Augmented | None = None,
    feature_maps: FeatureMaps | None = None,
) -> list[ReportFigure]:
    """Writes the figures as PNG files.

    Args:
        evaluation: What `evaluate_classification` returned.
        folder: Folder of the files; created if missing.
        augmented: Augmented training images [n h w c] and their targets [n k]; left out if None.
        feature_maps: Batch -> layer name -> feature maps; left out if None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dataset = evaluation.dataset
    names = replace_missing_glyphs(dataset.classes)
    figures = [*_draw_matrices(evaluation, folder), _draw_reliability(evaluation, folder)]
    for correct, confident in GALLERIES:
        figures += _draw_gallery(evaluation, folder, correct, confident)
    if feature_maps is not None:
        split = dataset.splits[evaluation.main_split]
        log_probs = evaluation.log_probs[evaluation.main_split]
        indices = pick_examples(log_probs, split.labels, correct=True, confident=True)
        image_names = [names[label] for label in split.labels[indices]]
        figures += common.draw_feature_maps(folder, split, indices, image_names, feature_maps)
    counts = {
        name: np.bincount(split.labels, minlength=len(names))
        for name, split in dataset.splits.items()
    }
    figures.append(common.draw_class_balance(folder, counts, dataset.classes, multi_label=False))
    if augmented is not None:
        images, targets = augmented
        figures.append(common.draw_augmented(folder, images, describe_targets(names, targets)))
    return figures


def _draw_matrices(evaluation: ClassificationEvaluation, folder: Path) -> list[ReportFigure]:
    classes, matrix = evaluation.dataset.classes, np.array(evaluation.results["confusion"])
    normalized = charts.plot_confusion(normalize_rows(matrix), classes, fractions=True)
    figures = [
        save_report_figure(
            charts.plot_confusion(matrix, classes),
            folder / "confusion.png",
            "errors",
            "Confusion matrix",
            MATRIX_CAPTION.format(split=evaluation.main_split),
        ),
        save_report_figure(
            normalized,
            folder / "confusion_normalized.png",
            "errors",
            "Confusion matrix, normalized by row",
            NORMALIZED_CAPTION,
        ),
    ]
    if "groups" in evaluation.results:
        groups = evaluation.results["groups"]
        group_matrix = normalize_rows(np.array(groups["confusion"]))
        errors = GROUP_ERRORS.format(
            within=100 * groups["within_group_error_fraction"],
            across=100 * groups["across_group_error_fraction"],
        )
        has_errors = matrix.sum() > matrix.trace()
        caption = GROUP_CAPTION.format(
            accuracy=100 * groups["accuracy"], errors=errors if has_errors else "No errors."
        )
        figure = charts.plot_confusion(group_matrix, groups["names"], fractions=True)
        file = folder / "confusion_groups.png"
        figures.append(save_report_figure(figure, file, "errors", "Confusion of groups", caption))
    return figures


def _draw_reliability(evaluation: ClassificationEvaluation, folder: Path) -> ReportFigure:
    calibration = evaluation.results["calibration"]
    figure = charts.plot_reliability(calibration["bins"])
    caption = RELIABILITY_CAPTION.format(ece=100 * calibration["ece"])
    return save_report_figure(
        figure, folder / "reliability.png", "results", "Reliability diagram", caption
    )


def _draw_gallery(
    evaluation: ClassificationEvaluation, folder: Path, correct: bool, confident: bool
) -> list[ReportFigure]:
    split = evaluation.dataset.splits[evaluation.main_split]
    log_probs = evaluation.log_probs[evaluation.main_split]
    names = replace_missing_glyphs(evaluation.dataset.classes)
    indices = pick_examples(log_probs, split.labels, correct, confident)
    if not len(indices):
        return []
    captions = [
        describe_prediction(names, int(split.labels[index]), log_probs[index]) for index in indices
    ]
    figure = image_grid([split.images[index] for index in indices], captions)
    stem, title, caption = GALLERIES[correct, confident]
    file = folder / f"{stem}.png"
    return [save_report_figure(figure, file, "gallery", title, caption, photos=True)]


def pick_examples(
    log_probs: np.ndarray, labels: np.ndarray, correct: bool, confident: bool
) -> np.ndarray:
    """Indices of the images of a gallery.

    Args:
        log_probs: Log-probabilities [n k].
        labels: True classes [n].
        correct: Whether to pick correct or wrong predictions.
        confident: Whether to pick those of the highest or of the lowest confidence. Of confident
            correct ones, the first of every class come before the second ones, and so on.
    """
    predicted, confidence = log_probs.argmax(1), log_probs.max(1)
    order = np.argsort(-confidence if confident else confidence, kind="stable")
    order = order[(predicted[order] == labels[order]) == correct]
    if correct and confident:
        rank_in_class = np.zeros(len(order), int)
        for label in np.unique(labels[order]):
            of_label = labels[order] == label
            rank_in_class[of_label] = np.arange(of_label.sum())
        order = order[np.argsort(rank_in_class, kind="stable")]
    return order[:GALLERY_IMAGES]


def describe_prediction(
    names: Sequence[str], label: int, log_probs: np.ndarray
) -> list[CaptionLine]:
    """The true class, and the predicted one if it differs, with its confidence.

    Args:
        names: Class names.
        label: True class.
        log_probs: Log-probabilities [k].
    """
    predicted = int(log_probs.argmax())
    confidence = f"{100 * np.exp(log_probs[predicted]):.1f} %"
    if predicted == label:
        return [CaptionLine(names[label], INK), CaptionLine("", BLUE, f"✓ {confidence}")]
    line = CaptionLine(names[predicted], RED, f"✗ {confidence} ")
    return [CaptionLine(names[label], INK), line]


def describe_targets(names: Sequence[str], targets: np.ndarray) -> list[list[CaptionLine]]:
    """The class of each training image by its targets [n k]; both classes of a mixture."""
    captions = []
    for target in targets:
        first, second = (int(index) for index in np.argsort(-target, kind="stable")[:2])
        if target[first] < MIXED_BELOW and target[second] > MIXED_ABOVE:
            pair = (first, second)
            captions.append(
                [CaptionLine(names[index], INK, f"{100 * target[index]:.0f} % ") for index in pair]
            )
        else:
            captions.append([CaptionLine(names[first], INK)])
    return captions
