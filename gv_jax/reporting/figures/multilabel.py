"""The figures of a multi-label classification."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gv_jax.evaluation.multilabel import MultilabelEvaluation, select_names
from gv_jax.evaluation.multilabel_metrics import log_losses, sigmoid
from gv_jax.reporting.figures import charts, common, label_charts
from gv_jax.reporting.figures.classification import GALLERY_IMAGES
from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.fonts import replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.report_figure import Augmented, FeatureMaps, ReportFigure
from gv_jax.reporting.figures.style import BLUE, INK, RED

PRESENT, ABSENT = 0.9, 0.1  # targets between these are mixtures
CURVES_CAPTION = (
    "Precision over recall of each label on the {split} split. The number is the average "
    "precision, the dotted line the base rate, and the dot the chosen threshold."
)
THRESHOLDS_CAPTION = (
    "F1 of each label by threshold. The chosen threshold (line and number) maximizes F1 on the "
    "{tuning} split, which makes results on {tuning} optimistic."
)
CONFUSION_CAPTION = (
    "Of the {split} images with the label of the row, the percentage for which the label of the "
    "column is predicted; the diagonal is the recall. Labels that occur together in the data also "
    "do so here."
)
LABEL_GALLERIES = (  # file, title, caption, whether the loss is high
    (
        "highest_loss",
        "Highest loss",
        "True labels, and below them the predicted ones. Look for wrong labels here.",
        True,
    ),
    ("lowest_loss", "Lowest loss", "True labels, and below them the predicted ones.", False),
)


def draw_multilabel(
    evaluation: MultilabelEvaluation,
    folder: Path,
    augmented: Augmented | None = None,
    feature_maps: FeatureMaps | None = None,
) -> list[ReportFigure]:
    """Writes the figures as PNG files.

    Args:
        evaluation: What `evaluate_multilabel` returned.
        folder: Folder of the files; created if missing.
        augmented: Augmented training images [n h w c] and their targets [n k]; left out if None.
        feature_maps: Batch -> layer name -> feature maps; left out if None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dataset = evaluation.dataset
    split = dataset.splits[evaluation.main_split]
    logits = evaluation.logits[evaluation.main_split]
    names = replace_missing_glyphs(dataset.classes)
    by_loss = np.argsort(log_losses(logits, split.labels), kind="stable")
    figures = _draw_curves(evaluation, folder)
    predicted = sigmoid(logits) >= evaluation.thresholds
    for stem, title, caption, highest in LABEL_GALLERIES:
        indices = (by_loss[::-1] if highest else by_loss)[:GALLERY_IMAGES]
        captions = [describe_labels(names, split.labels[i], predicted[i]) for i in indices]
        figure = image_grid([split.images[i] for i in indices], captions)
        file = folder / f"{stem}.png"
        figures.append(save_report_figure(figure, file, "gallery", title, caption, photos=True))
    if feature_maps is not None:
        image_names = [", ".join(select_names(names, split.labels[i])) for i in by_loss]
        figures += common.draw_feature_maps(folder, split, by_loss, image_names, feature_maps)
    counts = {name: part.labels.sum(0).astype(int) for name, part in dataset.splits.items()}
    figures.append(common.draw_class_balance(folder, counts, dataset.classes, multi_label=True))
    if augmented is not None:
        images, targets = augmented
        captions = [describe_label_targets(names, target) for target in targets]
        figures.append(common.draw_augmented(folder, images, captions))
    return figures


def _draw_curves(evaluation: MultilabelEvaluation, folder: Path) -> list[ReportFigure]:
    dataset, thresholds = evaluation.dataset, evaluation.thresholds
    split_names = dict.fromkeys((evaluation.tuning_split, evaluation.main_split))
    probs = {name: sigmoid(evaluation.logits[name]) for name in split_names}
    targets = {name: dataset.splits[name].labels for name in split_names}
    main_probs, main_targets = probs[evaluation.main_split], targets[evaluation.main_split]
    confusion = np.array(evaluation.results["label_confusion"])
    return [
        save_report_figure(
            label_charts.plot_precision_recall(
                main_probs, main_targets, thresholds, dataset.classes
            ),
            folder / "precision_recall.png",
            "results",
            "Precision and recall",
            CURVES_CAPTION.format(split=evaluation.main_split),
        ),
        save_report_figure(
            label_charts.plot_thresholds(probs, targets, thresholds, dataset.classes),
            folder / "thresholds.png",
            "results",
            "Thresholds",
            THRESHOLDS_CAPTION.format(tuning=evaluation.tuning_split),
        ),
        save_report_figure(
            charts.plot_confusion(confusion, dataset.classes, fractions=True),
            folder / "label_confusion.png",
            "errors",
            "Predicted labels by true label",
            CONFUSION_CAPTION.format(split=evaluation.main_split),
        ),
    ]


def describe_labels(
    names: Sequence[str], target: np.ndarray, predicted: np.ndarray
) -> list[CaptionLine]:
    """The true and the predicted labels of an image.

    Args:
        names: Names of the labels.
        target: 0 or 1 [k].
        predicted: bool [k].
    """
    text = ", ".join(select_names(names, predicted)) or "no label"
    correct = bool((predicted == target).all())
    line = CaptionLine(text, BLUE, "✓ ") if correct else CaptionLine(text, RED, "✗ ")
    return [CaptionLine(", ".join(select_names(names, target)) or "no label", INK), line]


def describe_label_targets(names: Sequence[str], target: np.ndarray) -> list[CaptionLine]:
    """The labels of a training image by its target [k]; in percent if it is a mixture."""
    mixed = ((target > ABSENT) & (target < PRESENT)).any()
    parts = [
        f"{name} {100 * value:.0f} %" if mixed else name
        for name, value in zip(names, target, strict=True)
        if value > ABSENT
    ]
    return [CaptionLine(", ".join(parts) or "no label", INK)]
