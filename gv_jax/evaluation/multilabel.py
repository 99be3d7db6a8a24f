"""What the answers of a network that looks for several labels come to: numbers, rows of predictions and figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.data.dataset import Dataset
from gv_jax.evaluation import exhibits, figures, label_figures, label_metrics
from gv_jax.evaluation.figures import BLUE, INK, RED, Exhibit
from gv_jax.evaluation.gallery import Line, sheet
from gv_jax.evaluation.lettering import drawable
from gv_jax.evaluation.metrics import divided

SHOWN = 9  # pictures of a gallery
CURVES = (
    "Of each label on the {split} split: how many of the pictures that it is said of have it, over how many of those "
    "that have it are found. The number is the average precision, the dotted line what guessing reaches; the dot is "
    "where the threshold stands."
)
THRESHOLDS = (
    "F1 of each label for every threshold. Thresholds are chosen where F1 is highest on the {tuning} split (the line "
    "and the number), and used on all splits; on {tuning} itself results are the better for it."
)
SAID = (
    "Of the {split} pictures that have the label of the row, the share that is told the label of the column: the "
    "diagonal is the recall. A label that goes with another in truth does so here too."
)
GALLERIES = {  # nearest: title, caption
    False: (
        "Furthest off",
        "The answers of highest loss: the labels that the picture has, below them those it is told.",
    ),
    True: ("Nearest", "The answers of lowest loss."),
}


@dataclass(frozen=True)
class Assessment:
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
    ) -> list[Exhibit]:
        """Writes the figures as PNGs into `folder`, which is made; arguments as of `classification.Assessment`."""
        folder.mkdir(parents=True, exist_ok=True)
        split, classes = self.dataset.splits[self.main], self.dataset.classes
        found = label_metrics.probabilities(self.logits[self.main])
        drawn = self._curves(folder, found)
        order = np.argsort(label_metrics.losses(self.logits[self.main], split.labels), kind="stable")
        for nearest in GALLERIES:
            chosen = (order if nearest else order[::-1])[:SHOWN]
            names = drawable(classes)
            captions = [verdict(names, split.labels[i], found[i] >= self.thresholds) for i in chosen]
            file = folder / f"{'nearest' if nearest else 'furthest'}.png"
            figures.save(sheet([split.images[i] for i in chosen], captions), file)
            title, caption = GALLERIES[nearest]
            drawn.append(Exhibit(file, "gallery", title, caption, photos=True))
        if maps is not None:
            names = [", ".join(having(drawable(classes), split.labels[i])) for i in order]
            drawn += exhibits.feature_maps(folder, split, order, names, maps)
        counts = {name: part.labels.sum(0).astype(int) for name, part in self.dataset.splits.items()}
        drawn.append(exhibits.balance(folder, counts, classes, several=True))
        if augmented is not None:
            images, targets = augmented
            drawn.append(exhibits.augmented(folder, images, [shares(drawable(classes), row) for row in targets]))
        return drawn

    def _curves(self, folder: Path, found: np.ndarray) -> list[Exhibit]:
        truth, classes = self.dataset.splits[self.main].labels, self.dataset.classes
        shown = dict.fromkeys((self.tuning, self.main))
        answers = {name: label_metrics.probabilities(self.logits[name]) for name in shown}
        truths = {name: self.dataset.splits[name].labels for name in shown}
        drawn = []
        for name, section, title, caption, figure in (
            (
                "precision_recall",
                "results",
                "Precision and recall",
                CURVES,
                label_figures.precision_recall(found, truth, self.thresholds, classes),
            ),
            (
                "thresholds",
                "results",
                "Thresholds",
                THRESHOLDS,
                label_figures.by_threshold(answers, truths, self.thresholds, classes),
            ),
            (
                "said",
                "mistakes",
                "What is said of pictures that have a label",
                SAID,
                figures.confusion(np.array(self.results["said"]), classes, shares=True),
            ),
        ):
            figures.save(figure, folder / f"{name}.png")
            text = caption.format(split=self.main, tuning=self.tuning)
            drawn.append(Exhibit(folder / f"{name}.png", section, title, text))
        return drawn


def assess(logits: Mapping[str, np.ndarray], dataset: Dataset) -> Assessment:
    """What follows from the outputs [n k] for each split of `dataset`, in the order of its pictures.

    The threshold of every label is where its F1 is highest on the valid split, or on train where there is none.
    """
    main = next(name for name in ("test", "valid", "train") if name in logits)
    tuning = "valid" if "valid" in logits else "train"
    truths = {name: dataset.splits[name].labels for name in logits}
    thresholds = label_metrics.tuned(logits[tuning], truths[tuning])
    floors = label_metrics.floors(truths, tuning)
    usual = having(dataset.classes, label_metrics.commonest(truths["train"]))
    results: dict[str, Any] = {
        "baseline": {"name": "label frequencies", "class": " + ".join(usual) or "no label", **floors}
    }
    for name, values in logits.items():
        found = label_metrics.scores(values, truths[name], thresholds)
        results[name] = {"count": len(values), **found}
    said = label_metrics.probabilities(logits[main]) >= thresholds
    results["summary"] = summary(results, main, tuning, len(dataset.classes))
    results["main_split"], results["thresholds_from"] = main, tuning
    results["classes"] = list(dataset.classes)
    results["per_class"] = label_rows(logits[main], truths[main], thresholds, dataset.classes)
    results["said"] = divided(truths[main].T @ said, truths[main].sum(0)[:, None]).tolist()
    rows = [row for name, values in logits.items() for row in prediction_rows(name, values, thresholds, dataset)]
    return Assessment(results, rows, main, tuning, dataset, logits, thresholds)


def summary(results: Mapping[str, Any], main: str, tuning: str, labels: int) -> str:
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
    each = label_metrics.per_label(logits, truth, thresholds)
    rows = [
        {
            "class": name,
            **{key: values[place].item() for key, values in each.items()},
            "threshold": round(float(thresholds[place]), 4),
        }
        for place, name in enumerate(classes)
    ]
    return sorted(rows, key=lambda row: (row["support"] == 0, row["average_precision"]))


def prediction_rows(split: str, logits: np.ndarray, thresholds: np.ndarray, dataset: Dataset) -> list[dict[str, Any]]:
    """What was said about each picture of a split."""
    part, classes, found = dataset.splits[split], dataset.classes, label_metrics.probabilities(logits)
    losses = label_metrics.losses(logits, part.labels)
    ranking = label_metrics.ranking_precisions(logits, part.labels)
    return [
        {
            "id": identity,
            "label": "|".join(having(classes, part.labels[place])),
            "predicted": "|".join(having(classes, found[place] >= thresholds)),
            "exact_accuracy": int(((found[place] >= thresholds) == part.labels[place]).all()),
            "ranking_precision": round(float(ranking[place]), 6),
            "loss": round(float(losses[place]), 6),
            "split": split,
            **{f"p({name})": round(float(p), 6) for name, p in zip(classes, found[place], strict=True)},
        }
        for place, identity in enumerate(part.ids)
    ]


def having(names: Sequence[str], row: np.ndarray) -> list[str]:
    """The names of the labels that are 1, or true, in a row [k]."""
    return [name for name, yes in zip(names, row, strict=True) if yes]


def verdict(names: Sequence[str], truth: np.ndarray, said: np.ndarray) -> list[Line]:
    """The labels of a picture, and what it was told."""
    right = bool((said == truth).all())
    told = ", ".join(having(names, said)) or "nothing"
    answer = Line(told, BLUE, "✓ ") if right else Line(told, RED, "✗ ")
    return [Line(", ".join(having(names, truth)) or "no label", INK), answer]


def shares(names: Sequence[str], target: np.ndarray) -> list[Line]:
    """The labels of a training picture; in percent where it was mixed with another."""
    mixed = ((target > 0.1) & (target < 0.9)).any()
    parts = [f"{name} {share:.0%}" if mixed else name for name, share in zip(names, target, strict=True) if share > 0.1]
    return [Line(", ".join(parts) or "no label", INK)]
