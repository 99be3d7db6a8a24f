"""What a classifier's answers come to: numbers, rows of predictions and figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gv_jax.data.dataset import Dataset, Split
from gv_jax.evaluation import class_metrics
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures import common as shared
from gv_jax.reporting.figures.charts import BLUE, INK, RED, ReportFigure
from gv_jax.reporting.figures.fonts import replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine, image_grid

CONFUSION_ROWS = 12  # rows of the table of what is taken for what
GALLERY_IMAGES = 9  # pictures of a gallery
MATRIX_CAPTION = (
    "Pictures of the {split} split. Rows are true classes, columns what the network said; right answers lie on "
    "the diagonal. Colours grow with the square root, so that rare mistakes show."
)
ROW_CAPTION = (
    "The same, in percent of each true class: the diagonal is the recall. A dark column beside the diagonal is "
    "a class that attracts others."
)
GROUP_CAPTION = (
    "In percent of each true group, which is right for {accuracy:.1%} of the pictures. Of all mistakes, "
    "{mistakes_within_share:.1%} stay within the group and {mistakes_across_share:.1%} leave it."
)
RELIABILITY_CAPTION = (
    "Above: how often answers of a given confidence are right; bars below the dashed line mean that the network "
    "is surer than it should be. Below: how often each confidence occurs. Expected calibration error {ece:.1%}."
)
GALLERIES = {  # right, sure: title, caption
    (False, True): (
        "Sure and wrong",
        "The mistakes of highest confidence: the true class, below it what the network said. Wrong labels and "
        "look-alikes gather here.",
    ),
    (False, False): ("Unsure and wrong", "The mistakes of lowest confidence."),
    (True, True): (
        "Sure and right",
        "The right answers of highest confidence, spread over the classes.",
    ),
    (True, False): ("Unsure and right", "The right answers of lowest confidence: nearly missed."),
}


@dataclass(frozen=True)
class ClassificationEvaluation:
    """results: for results.json. predictions: a row for every picture of every split, {"id", "label",
    "predicted", "confidence", "split"}. main: the split that figures and rows of classes are of.
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main: str
    dataset: Dataset
    log_probabilities: dict[str, np.ndarray]

    def draw(
        self,
        folder: Path,
        augmented: tuple[np.ndarray, np.ndarray] | None = None,
        answer: Callable[[np.ndarray], np.ndarray] | None = None,
        maps: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None,
    ) -> list[ReportFigure]:
        """Writes the figures as PNGs into `folder`, which is made.

        augmented: pictures that the network was trained on, float [0, 1] or uint8 [n h w c]; targets [n k].
        answer: the network; not needed here, where all of its answers were kept.
        maps: a batch -> feature maps of the first layers, name -> [n h w c].
        """
        folder.mkdir(parents=True, exist_ok=True)
        exhibits = [*self._matrices(folder), self._reliability(folder)]
        exhibits += [found for kind in GALLERIES if (found := self._gallery(folder, *kind))]
        if maps is not None:
            split = self.dataset.splits[self.main]
            chosen = pick_examples(
                self.log_probabilities[self.main], split.labels, right=True, sure=True
            )
            names = replace_missing_glyphs(self.dataset.classes)
            exhibits += shared.feature_maps_figure(
                folder, split, chosen, [names[i] for i in split.labels[chosen]], maps
            )
        splits, classes = self.dataset.splits.items(), self.dataset.classes
        counts = {name: np.bincount(split.labels, minlength=len(classes)) for name, split in splits}
        exhibits.append(shared.class_balance_figure(folder, counts, classes))
        if augmented is not None:
            images, targets = augmented
            exhibits.append(
                shared.augmented_figure(folder, images, describe_targets(classes, targets))
            )
        return exhibits

    def _matrices(self, folder: Path) -> list[ReportFigure]:
        classes, matrix = self.dataset.classes, np.array(self.results["confusion"])

        def drawn(name: str, figure: Figure, title: str, caption: str) -> ReportFigure:
            charts.save_figure(figure, folder / f"{name}.png")
            return ReportFigure(folder / f"{name}.png", "mistakes", title, caption)

        figure = charts.plot_confusion(matrix, classes)
        exhibits = [
            drawn("confusion", figure, "Confusion matrix", MATRIX_CAPTION.format(split=self.main))
        ]
        figure = charts.plot_confusion(class_metrics.normalize_rows(matrix), classes, shares=True)
        exhibits.append(
            drawn("confusion_normalised", figure, "Confusion matrix, each row 100%", ROW_CAPTION)
        )
        if "groups" in self.results:
            groups = self.results["groups"]
            between = class_metrics.normalize_rows(np.array(groups["confusion"]))
            figure = charts.plot_confusion(between, groups["names"], shares=True)
            caption = GROUP_CAPTION.format(**groups)
            exhibits.append(drawn("confusion_groups", figure, "Confusion between groups", caption))
        return exhibits

    def _reliability(self, folder: Path) -> ReportFigure:
        table, file = self.results["calibration"], folder / "reliability.png"
        charts.save_figure(charts.plot_reliability(table["bins"]), file)
        return ReportFigure(
            file, "results", "Can its confidence be trusted?", RELIABILITY_CAPTION.format(**table)
        )

    def _gallery(self, folder: Path, right: bool, sure: bool) -> ReportFigure | None:
        names, split = replace_missing_glyphs(self.dataset.classes), self.dataset.splits[self.main]
        answers = self.log_probabilities[self.main]
        chosen = pick_examples(answers, split.labels, right, sure)
        if not len(chosen):
            return None
        captions = [
            describe_prediction(names, int(split.labels[index]), answers[index]) for index in chosen
        ]
        file = folder / f"{'sure' if sure else 'unsure'}_{'right' if right else 'wrong'}.png"
        charts.save_figure(image_grid([split.images[index] for index in chosen], captions), file)
        title, caption = GALLERIES[right, sure]
        return ReportFigure(file, "gallery", title, caption, photos=True)


def evaluate_classification(
    logits: Mapping[str, np.ndarray], dataset: Dataset
) -> ClassificationEvaluation:
    """What follows from the outputs [n k] for each split of `dataset`, in the order of its pictures."""
    answers = {name: class_metrics.log_softmax(values) for name, values in logits.items()}
    main = next(name for name in ("test", "valid", "train") if name in answers)
    labels, classes = dataset.splits[main].labels, len(dataset.classes)
    matrix = class_metrics.confusion_matrix(labels, answers[main].argmax(1), classes)
    frequent, log_shares = class_metrics.majority_class(dataset.splits["train"].labels, classes)
    table = class_metrics.calibration_curve(answers[main], labels)
    baseline: dict[str, Any] = {"name": "majority class", "class": dataset.classes[frequent]}
    results: dict[str, Any] = {"baseline": baseline}
    for name, values in answers.items():
        truth = dataset.splits[name].labels
        ece = class_metrics.calibration_curve(values, truth)["ece"]
        results[name] = {
            "count": len(truth),
            **class_metrics.classification_metrics(values, truth),
            "ece": ece,
        }
        baseline[name] = class_metrics.baseline_scores(log_shares, truth)
    results["summary"] = summarize_classification(results, main, dataset, frequent)
    results["main_split"] = main
    results["classes"] = list(dataset.classes)
    results["per_class"] = class_rows(matrix, dataset)
    results["mistakes"] = pair_rows(matrix, dataset.classes)
    results["confusion"] = matrix.tolist()
    results["calibration"] = table
    if 1 < len(set(dataset.groups.values())) < classes:
        results["groups"] = group_results(matrix, dataset)
    rows = [
        row
        for name, values in answers.items()
        for row in classification_rows(name, values, dataset)
    ]
    return ClassificationEvaluation(results, rows, main, dataset, answers)


def summarize_classification(
    results: Mapping[str, Any], main: str, dataset: Dataset, frequent: int
) -> str:
    """The outcome in two sentences."""
    count, accuracy = results[main]["count"], results[main]["accuracy"]
    low, high = class_metrics.wilson_interval(accuracy, count)
    floor = results["baseline"][main]["accuracy"]
    return (
        f"Tells {len(dataset.classes)} classes apart: right for {round(accuracy * count):,} of {count:,} pictures "
        f"of the {main} split, {accuracy:.1%} (95% interval {100 * low:.1f} to {high:.1%}). Always answering "
        f"“{dataset.classes[frequent]}”, the most frequent class in training, is right for {floor:.1%}."
    )


def class_rows(matrix: np.ndarray, dataset: Dataset) -> list[dict[str, Any]]:
    """A row for every class, the lowest F1 first and classes without support last."""
    each = class_metrics.per_class_metrics(matrix)
    rows = [
        {
            "class": name,
            "f1": float(each.f1[index]),
            "precision": float(each.precision[index]),
            "recall": float(each.recall[index]),
            "support": int(each.support[index]),
            **({"group": dataset.groups[name]} if dataset.groups else {}),
        }
        for index, name in enumerate(dataset.classes)
    ]
    return sorted(rows, key=lambda row: (row["support"] == 0, row["f1"]))


def pair_rows(matrix: np.ndarray, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The commonest mistakes; `share` is of the true class."""
    wrong = matrix - np.diag(matrix.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSION_ROWS]
    pairs = [np.unravel_index(place, wrong.shape) for place in order]
    return [
        {
            "true": classes[true],
            "predicted": classes[said],
            "count": int(wrong[true, said]),
            "share": float(wrong[true, said] / matrix[true].sum()),
        }
        for true, said in pairs
        if wrong[true, said]
    ]


def group_results(matrix: np.ndarray, dataset: Dataset) -> dict[str, Any]:
    """Right groups, and where the mistakes go: shares of all mistakes that stay in the group or leave it."""
    names, between = class_metrics.group_confusion(matrix, dataset.classes, dataset.groups)
    total, right, right_group = matrix.sum(), matrix.trace(), between.trace()
    wrong = max(total - right, 1)
    return {
        "names": list(names),
        "accuracy": float(right_group / total),
        "mistakes_within_share": float((right_group - right) / wrong),
        "mistakes_across_share": float((total - right_group) / wrong),
        "confusion": between.tolist(),
    }


def classification_rows(split: str, answers: np.ndarray, dataset: Dataset) -> list[dict[str, Any]]:
    """What was said about each picture of a split."""
    part: Split = dataset.splits[split]
    said = answers.argmax(1)
    confidences = np.exp(answers.max(1))
    return [
        {
            "id": identity,
            "label": dataset.classes[label],
            "predicted": dataset.classes[answer],
            "confidence": round(float(confidence), 6),
            "split": split,
        }
        for identity, label, answer, confidence in zip(
            part.ids, part.labels, said, confidences, strict=True
        )
    ]


def pick_examples(answers: np.ndarray, labels: np.ndarray, right: bool, sure: bool) -> np.ndarray:
    """Indices of up to `SHOWN` answers, most telling first; of sure right ones first the surest of each class."""
    said, confidence = answers.argmax(1), answers.max(1)
    order = np.argsort(-confidence if sure else confidence, kind="stable")
    order = order[(said[order] == labels[order]) == right]
    if right and sure:
        rounds = np.zeros(len(order), int)
        for name in np.unique(labels[order]):
            mine = labels[order] == name
            rounds[mine] = np.arange(mine.sum())
        order = order[np.argsort(rounds, kind="stable")]
    return order[:GALLERY_IMAGES]


def describe_prediction(names: Sequence[str], label: int, answers: np.ndarray) -> list[CaptionLine]:
    """The true class, and what was said instead or how sure it was."""
    said = int(answers.argmax())
    sure = f"{np.exp(answers[said]):.1%}"
    answer = (
        CaptionLine("", BLUE, f"✓ {sure}")
        if said == label
        else CaptionLine(names[said], RED, f"✗ {sure} ")
    )
    return [CaptionLine(names[label], INK), answer]


def describe_targets(classes: Sequence[str], targets: np.ndarray) -> list[list[CaptionLine]]:
    """The class of each training picture with the targets [n k]; one mixed of two classes names both."""
    names = replace_missing_glyphs(classes)
    captions = []
    for target in targets:
        first, second = np.argsort(-target, kind="stable")[:2]
        if target[first] < 0.85 and target[second] > 0.1:
            captions.append(
                [
                    CaptionLine(names[index], INK, f"{target[index]:.0%} ")
                    for index in (first, second)
                ]
            )
        else:
            captions.append([CaptionLine(names[first], INK)])
    return captions
