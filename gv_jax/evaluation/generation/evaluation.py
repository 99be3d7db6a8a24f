"""Evaluation of a generation run: the loss on every split, and the images that it generates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.evaluation.metrics import METRICS
from gv_jax.evaluation.splits import select_main_split
from gv_jax.evaluation.super_resolution import mean_float64
from gv_jax.wording import count_noun

if TYPE_CHECKING:  # scikit-learn is slow to import
    from gv_jax.evaluation.generation.measure import LabeledImages, SampleMetrics

GENERATION_METRICS = (  # the most important first
    *("kid", "class_accuracy", "copies", "precision", "recall", "seam_score", "colors"),
    *("kid_error", "loss"),
)
BASELINE = "neighbor_blends"  # the baseline of the metric cards
KINDS = {  # rows of `SampleMetrics` -> what they are called
    "generated": "generated images",
    "real": "real images",
    "neighbor_blends": "blends of nearest neighbors",
    "pixel_gaussians": "Gaussian of pixels per class",
    "shuffled_pixels": "shuffled pixels",
}
TOO_FEW = "There are too few images for KID, precision and recall."
COPYING_MARGIN = 0.02  # fraction of copies over that of held-out images that is called copying


class GeneratedSamples(NamedTuple):
    """Generated images and what was measured.

    Attributes:
        samples: All generated images, those of a class together, numbered from 0.
        measured: Indices of the images that `metrics` is of, int [m].
        metrics: Of them.
        training_rows: Index in the training split of each image that copies were searched in.
    """

    samples: "LabeledImages"
    measured: np.ndarray
    metrics: "SampleMetrics"
    training_rows: np.ndarray


@dataclass(frozen=True)
class GenerationEvaluation:
    """The evaluation of a run.

    Attributes:
        results: Values for results.json.
        predictions: A row per image of every split: {"id", "loss", "split"}.
        main_split: The split that generated images are compared with.
        dataset: The data set.
        tileable_labels: Labels of the classes whose images repeat without a seam.
        generated: What was generated; None before that.
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main_split: str
    dataset: Dataset
    tileable_labels: tuple[int, ...]
    generated: GeneratedSamples | None = None


def evaluate_loss(
    outputs: Mapping[str, Mapping[str, np.ndarray]],
    dataset: Dataset,
    tileable_labels: tuple[int, ...] = (),
) -> GenerationEvaluation:
    """Computes the mean loss of every split.

    Args:
        outputs: Split -> {"loss": [n]}, in the order of the images of the split.
        dataset: The data set with these splits.
        tileable_labels: Labels of the classes whose images repeat without a seam.
    """
    main_split = select_main_split(outputs)
    counts = np.bincount(dataset.splits["train"].labels, minlength=len(dataset.classes))
    results: dict[str, Any] = {
        "classes": list(dataset.classes),
        "train_counts": dict(zip(dataset.classes, counts.tolist(), strict=True)),
        "main_split": main_split,
    }
    for split, values in outputs.items():
        results[split] = {"count": len(values["loss"]), "loss": mean_float64(values["loss"])}
    predictions = [
        {"id": image_id, "loss": float(f"{loss:.6g}"), "split": split}
        for split, values in outputs.items()
        for image_id, loss in zip(dataset.splits[split].ids, values["loss"], strict=True)
    ]
    results["summary"] = f"Loss of the velocity {results[main_split]['loss']:.4f}."
    return GenerationEvaluation(results, predictions, main_split, dataset, tileable_labels)


def add_samples(
    evaluation: GenerationEvaluation, generated: GeneratedSamples
) -> GenerationEvaluation:
    """The evaluation with the metrics of generated images in its results."""
    rows = generated.metrics.rows
    split, results = evaluation.main_split, evaluation.results
    own = rows["generated"]
    measured = {**own, **results[split]}
    results = {
        **results,
        split: {
            name: measured[name] for name in ("count", *GENERATION_METRICS) if name in measured
        },
        "generated_count": len(generated.measured),
        "baseline": {"name": KINDS[BASELINE], split: order_metrics(rows[BASELINE])},
        "comparison": [
            {"images": KINDS[kind], **order_metrics(rows[kind])} for kind in KINDS if kind in rows
        ],
        "generated_classes": compare_classes(generated.metrics, results["train_counts"]),
        "summary": summarize(generated, results["train_counts"]),
    }
    return replace(evaluation, results=results, generated=generated)


def order_metrics(row: Mapping[str, float]) -> dict[str, float]:
    """The metrics of a row in the order of GENERATION_METRICS."""
    assert all(name in METRICS for name in row)
    return {name: row[name] for name in GENERATION_METRICS if name in row}


def compare_classes(
    metrics: "SampleMetrics", train_counts: Mapping[str, int]
) -> list[dict[str, Any]]:
    """A row per class: class accuracy and copies of generated and of held-out images."""
    rows = []
    for name, count in train_counts.items():
        row: dict[str, Any] = {"class": name, "training_images": count}
        for kind, prefix in (("generated", ""), ("real", "held_out_")):
            values = metrics.per_class[kind].get(name, {})
            row |= {
                f"{prefix}{metric}": values[metric]
                for metric in ("class_accuracy", "copies")
                if metric in values
            }
        rows.append(row)
    return rows


def summarize(generated: GeneratedSamples, train_counts: Mapping[str, int]) -> str:
    """The main metrics beside those of real images and of the baseline, in sentences."""
    rows = generated.metrics.rows
    own, real, blends = rows["generated"], rows["real"], rows[BASELINE]
    count = count_noun(len(generated.measured), "generated image")
    sentences = []
    if "kid" in own and "kid" in real:
        sentences.append(
            f"KID of {count} {own['kid']:.4f} (standard error {own['kid_error']:.4f}); training "
            f"images {real['kid']:.4f}, {KINDS[BASELINE]} {blends['kid']:.4f}."
        )
    if "class_accuracy" in own:
        if not sentences:
            sentences.append(TOO_FEW)
        sentences.append(
            f"A linear classifier finds the requested class in {own['class_accuracy']:.1%} of "
            f"{count}, and the true class in {real['class_accuracy']:.1%} of held-out images."
        )
    copying = own["copies"] > real["copies"] + COPYING_MARGIN
    sentences.append(
        f"{'The network copies: ' if copying else ''}{own['copies']:.1%} of {count} are near "
        f"copies of a training image, as are {real['copies']:.1%} of held-out images."
    )
    return " ".join(sentences).replace("%", " %")
