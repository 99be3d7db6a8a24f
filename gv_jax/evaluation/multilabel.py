"""What the answers of a network that looks for several labels come to: numbers, rows of predictions and figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.data.dataset import Dataset
from gv_jax.evaluation import multilabel_metrics
from gv_jax.evaluation.class_metrics import safe_divide
from gv_jax.reporting.figures import charts, common, label_charts
from gv_jax.reporting.figures.charts import BLUE, INK, RED, ReportFigure
from gv_jax.reporting.figures.fonts import replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine, image_grid

GALLERY_IMAGES = 9  # pictures of a gallery
CURVES_CAPTION = (
    "Of each label on the {split} split: how many of the pictures that it is said of have it, over how many of those "
    "that have it are found. The number is the average precision, the dotted line what guessing reaches; the dot is "
    "where the threshold stands."
)
THRESHOLDS_CAPTION = (
    "F1 of each label for every threshold. Thresholds are chosen where F1 is highest on the {tuning} split (the line "
    "and the number), and used on all splits; on {tuning} itself results are the better for it."
)
PREDICTED_CAPTION = (
    "Of the {split} pictures that have the label of the row, the share that is told the label of the column: the "
    "diagonal is the recall. A label that goes with another in truth does so here too."
)
MULTILABEL_GALLERIES = {  # nearest: title, caption
    False: (
        "Furthest off",
        "The answers of highest loss: the labels that the picture has, below them those it is told.",
    ),
    True: ("Nearest", "The answers of lowest loss."),
}


@dataclass(frozen=True)
class MultilabelEvaluation:
    """results: for results.json. predictions: a row for every picture of every split, {"id", "label", "predicted"
    (labels with | between them), "exact_accuracy", "ranking_precision", "loss", "split", and "p(<label>)" of each}.
    main: the split that figures and rows of labels are of; tuning: that of the thresholds, probabilities [k].
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main: str
    tuning: str
    dataset: Dataset
    logits: Mapping[str, np.ndarray]
    thresholds: np.ndarray

    def draw(
        self,
        folder: Path,
        augmented: tuple[np.ndarray, np.ndarray] | None = None,
        answer: Callable[[np.ndarray], np.ndarray] | None = None,
        maps: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None,
    ) -> list[ReportFigure]:
        """Writes the figures as PNGs into `folder`, which is made; arguments as of `classification.Assessment`."""
        folder.mkdir(parents=True, exist_ok=True)
        split, classes = self.dataset.splits[self.main], self.dataset.classes
        found = multilabel_metrics.probabilities(self.logits[self.main])
        drawn = self._curves(folder, found)
        order = np.argsort(
            multilabel_metrics.log_losses(self.logits[self.main], split.labels), kind="stable"
        )
        for nearest in MULTILABEL_GALLERIES:
            chosen = (order if nearest else order[::-1])[:GALLERY_IMAGES]
            names = replace_missing_glyphs(classes)
            captions = [
                describe_labels(names, split.labels[i], found[i] >= self.thresholds) for i in chosen
            ]
            file = folder / f"{'nearest' if nearest else 'furthest'}.png"
            charts.save_figure(image_grid([split.images[i] for i in chosen], captions), file)
            title, caption = MULTILABEL_GALLERIES[nearest]
            drawn.append(ReportFigure(file, "gallery", title, caption, photos=True))
        if maps is not None:
            names = [
                ", ".join(label_names(replace_missing_glyphs(classes), split.labels[i]))
                for i in order
            ]
            drawn += common.feature_maps_figure(folder, split, order, names, maps)
        counts = {
            name: part.labels.sum(0).astype(int) for name, part in self.dataset.splits.items()
        }
        drawn.append(common.class_balance_figure(folder, counts, classes, several=True))
        if augmented is not None:
            images, targets = augmented
            drawn.append(
                common.augmented_figure(
                    folder,
                    images,
                    [
                        describe_label_targets(replace_missing_glyphs(classes), row)
                        for row in targets
                    ],
                )
            )
        return drawn

    def _curves(self, folder: Path, found: np.ndarray) -> list[ReportFigure]:
        truth, classes = self.dataset.splits[self.main].labels, self.dataset.classes
        shown = dict.fromkeys((self.tuning, self.main))
        answers = {name: multilabel_metrics.probabilities(self.logits[name]) for name in shown}
        truths = {name: self.dataset.splits[name].labels for name in shown}
        drawn = []
        for name, section, title, caption, figure in (
            (
                "precision_recall",
                "results",
                "Precision and recall",
                CURVES_CAPTION,
                label_charts.plot_precision_recall(found, truth, self.thresholds, classes),
            ),
            (
                "thresholds",
                "results",
                "Thresholds",
                THRESHOLDS_CAPTION,
                label_charts.plot_thresholds(answers, truths, self.thresholds, classes),
            ),
            (
                "said",
                "mistakes",
                "What is said of pictures that have a label",
                PREDICTED_CAPTION,
                charts.plot_confusion(np.array(self.results["said"]), classes, shares=True),
            ),
        ):
            charts.save_figure(figure, folder / f"{name}.png")
            text = caption.format(split=self.main, tuning=self.tuning)
            drawn.append(ReportFigure(folder / f"{name}.png", section, title, text))
        return drawn


def evaluate_multilabel(logits: Mapping[str, np.ndarray], dataset: Dataset) -> MultilabelEvaluation:
    """What follows from the outputs [n k] for each split of `dataset`, in the order of its pictures.

    The threshold of every label is where its F1 is highest on the valid split, or on train where there is none.
    """
    main = next(name for name in ("test", "valid", "train") if name in logits)
    tuning = "valid" if "valid" in logits else "train"
    truths = {name: dataset.splits[name].labels for name in logits}
    thresholds = multilabel_metrics.best_thresholds(logits[tuning], truths[tuning])
    floors = multilabel_metrics.multilabel_baselines(truths, tuning)
    usual = label_names(dataset.classes, multilabel_metrics.most_common_label_set(truths["train"]))
    results: dict[str, Any] = {
        "baseline": {
            "name": "label frequencies",
            "class": " + ".join(usual) or "no label",
            **floors,
        }
    }
    for name, values in logits.items():
        found = multilabel_metrics.multilabel_metrics(values, truths[name], thresholds)
        results[name] = {"count": len(values), **found}
    said = multilabel_metrics.probabilities(logits[main]) >= thresholds
    results["summary"] = summarize_multilabel(results, main, tuning, len(dataset.classes))
    results["main_split"], results["thresholds_from"] = main, tuning
    results["classes"] = list(dataset.classes)
    results["per_class"] = label_rows(logits[main], truths[main], thresholds, dataset.classes)
    results["said"] = safe_divide(truths[main].T @ said, truths[main].sum(0)[:, None]).tolist()
    rows = [
        row
        for name, values in logits.items()
        for row in multilabel_rows(name, values, thresholds, dataset)
    ]
    return MultilabelEvaluation(results, rows, main, tuning, dataset, logits, thresholds)


def summarize_multilabel(results: Mapping[str, Any], main: str, tuning: str, labels: int) -> str:
    """The outcome in three sentences."""
    here, floor, usual = results[main], results["baseline"][main], results["baseline"]["class"]
    return (
        f"Looks for {labels} labels in {here['count']:,} pictures of the {main} split: mean average precision "
        f"{here['mean_average_precision']:.1%}, where guessing by how frequent they are reaches "
        f"{floor['mean_average_precision']:.1%}. Macro F1 {here['macro_f1']:.1%} [{floor['macro_f1']:.1%}] and micro "
        f"F1 {here['micro_f1']:.1%} [{floor['micro_f1']:.1%}], with thresholds chosen on the {tuning} split. All "
        f"labels are right for {here['exact_accuracy']:.1%} of the pictures; always answering “{usual}”, the commonest "
        f"set of labels in training, is right for {floor['exact_accuracy']:.1%}."
    )


def label_rows(
    logits: np.ndarray, truth: np.ndarray, thresholds: np.ndarray, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """A row for every label, the lowest average precision first and labels without support last."""
    each = multilabel_metrics.per_label_metrics(logits, truth, thresholds)
    rows = [
        {
            "class": name,
            **{key: values[place].item() for key, values in each.items()},
            "threshold": round(float(thresholds[place]), 4),
        }
        for place, name in enumerate(classes)
    ]
    return sorted(rows, key=lambda row: (row["support"] == 0, row["average_precision"]))


def multilabel_rows(
    split: str, logits: np.ndarray, thresholds: np.ndarray, dataset: Dataset
) -> list[dict[str, Any]]:
    """What was said about each picture of a split."""
    part, classes, found = (
        dataset.splits[split],
        dataset.classes,
        multilabel_metrics.probabilities(logits),
    )
    losses = multilabel_metrics.log_losses(logits, part.labels)
    ranking = multilabel_metrics.label_ranking_average_precisions(logits, part.labels)
    return [
        {
            "id": identity,
            "label": "|".join(label_names(classes, part.labels[place])),
            "predicted": "|".join(label_names(classes, found[place] >= thresholds)),
            "exact_accuracy": int(((found[place] >= thresholds) == part.labels[place]).all()),
            "ranking_precision": round(float(ranking[place]), 6),
            "loss": round(float(losses[place]), 6),
            "split": split,
            **{
                f"p({name})": round(float(p), 6)
                for name, p in zip(classes, found[place], strict=True)
            },
        }
        for place, identity in enumerate(part.ids)
    ]


def label_names(names: Sequence[str], row: np.ndarray) -> list[str]:
    """The names of the labels that are 1, or true, in a row [k]."""
    return [name for name, yes in zip(names, row, strict=True) if yes]


def describe_labels(names: Sequence[str], truth: np.ndarray, said: np.ndarray) -> list[CaptionLine]:
    """The labels of a picture, and what it was told."""
    right = bool((said == truth).all())
    told = ", ".join(label_names(names, said)) or "nothing"
    answer = CaptionLine(told, BLUE, "✓ ") if right else CaptionLine(told, RED, "✗ ")
    return [CaptionLine(", ".join(label_names(names, truth)) or "no label", INK), answer]


def describe_label_targets(names: Sequence[str], target: np.ndarray) -> list[CaptionLine]:
    """The labels of a training picture; in percent where it was mixed with another."""
    mixed = ((target > 0.1) & (target < 0.9)).any()
    parts = [
        f"{name} {share:.0%}" if mixed else name
        for name, share in zip(names, target, strict=True)
        if share > 0.1
    ]
    return [CaptionLine(", ".join(parts) or "no label", INK)]
