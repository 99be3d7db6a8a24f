"""The figures of a multi-label classification."""

import numpy as np

from gv_jax.evaluation.multilabel import evaluate_multilabel
from gv_jax.reporting.figures.label_charts import MAX_PANELS, plot_precision_recall
from gv_jax.reporting.figures.multilabel import (
    describe_label_targets,
    describe_labels,
    draw_multilabel,
)
from tests.evaluation.examples import make_label_dataset, make_label_logits

LABELS = ("action", "puzzle", "sport")


def test_every_figure_is_written(tmp_path):
    dataset = make_label_dataset()
    evaluation = evaluate_multilabel(make_label_logits(dataset, wrong=[1, 2]), dataset)
    train = dataset.splits["train"]

    def feature_maps(batch):
        return {"conv1": np.random.default_rng(0).random((len(batch["image"]), 4, 4, 8))}

    figures = draw_multilabel(evaluation, tmp_path, (train.images, train.labels), feature_maps)
    assert {figure.file.stem for figure in figures} == {
        *("precision_recall", "thresholds", "label_confusion", "highest_loss", "lowest_loss"),
        *("feature_maps", "class_balance", "augmented"),
    }
    assert all(figure.file.stat().st_size > 1000 for figure in figures)
    assert not any("{" in figure.caption for figure in figures)


def test_captions():
    lines = describe_labels(LABELS, np.array([1, 1, 0]), np.array([True, False, False]))
    assert [line.prefix + line.text for line in lines] == ["action, puzzle", "✗ action"]
    lines = describe_labels(LABELS, np.zeros(3), np.zeros(3, bool))
    assert [line.prefix + line.text for line in lines] == ["no label", "✓ no label"]


def test_captions_of_mixed_targets():
    (line,) = describe_label_targets(LABELS, np.array([0.3, 0.7, 0.0]))
    assert line.text == "action 30 %, puzzle 70 %"
    (line,) = describe_label_targets(LABELS, np.array([1.0, 0.0, 1.0]))
    assert line.text == "action, sport"


def test_panels_are_limited():
    targets = np.random.default_rng(0).random((20, 30)) < 0.3
    names = [f"label {index}" for index in range(30)]
    probs, thresholds = targets * 0.5 + 0.2, np.full(30, 0.5)
    figure = plot_precision_recall(probs, targets.astype(np.float32), thresholds, names)
    assert len(figure.axes) == MAX_PANELS
