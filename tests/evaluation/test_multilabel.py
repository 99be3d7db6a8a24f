"""What a network's answers on several labels come to, on answers that were made up."""

import json

import numpy as np
import pytest

from gv_jax.data.dataset import Dataset, Split
from gv_jax.evaluation.multilabel import (
    describe_label_targets,
    describe_labels,
    evaluate_multilabel,
)
from gv_jax.reporting.figures.label_charts import MAX_PANELS, plot_precision_recall

CLASSES = ("action", "puzzle", "sport")


def split(rows, name: str) -> Split:
    images = np.random.default_rng(0).integers(0, 256, (len(rows), 8, 8, 3), dtype=np.uint8)
    return Split(
        images, np.array(rows, np.float32), [f"{name}/{number}.png" for number in range(len(rows))]
    )


@pytest.fixture
def pictures() -> Dataset:
    rows = [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]]
    splits = {
        "train": split(rows * 2, "train"),
        "valid": split(rows, "valid"),
        "test": split(rows, "test"),
    }
    return Dataset("made_up", CLASSES, {}, splits, ())


def answers(dataset, wrong=()):
    """Logits that are right everywhere, but for the test pictures `wrong`."""
    logits = {name: 6 * part.labels - 3 for name, part in dataset.splits.items()}
    for place in wrong:
        logits["test"][place] *= -1
    return logits


def test_right_answers(pictures):
    found = evaluate_multilabel(answers(pictures), pictures)
    here = found.results["test"]
    assert (here["mean_average_precision"], here["macro_f1"], here["exact_accuracy"]) == (1, 1, 1)
    assert found.results["thresholds_from"] == "valid"
    assert found.main == "test"
    assert np.array_equal(found.results["said"], [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])
    assert json.loads(json.dumps(found.results)) == found.results


def test_thresholds_are_of_the_validation_split_and_used_on_the_test(pictures):
    logits = answers(pictures)
    logits["valid"] = logits["valid"] + 10  # its answers lie between 7 and 13
    found = evaluate_multilabel(logits, pictures)
    assert (found.thresholds > 0.9).all()
    assert found.results["valid"]["macro_f1"] == 1
    assert found.results["test"]["macro_f1"] == 0
    assert found.results["test"]["mean_average_precision"] == 1


def test_without_a_validation_split_they_are_of_training(pictures):
    splits = {"train": pictures.splits["train"]}
    alone = Dataset("made_up", CLASSES, {}, splits, ())
    found = evaluate_multilabel({"train": answers(pictures)["train"]}, alone)
    assert (found.tuning, found.main) == ("train", "train")


def test_rows_of_predictions(pictures):
    rows = [
        row
        for row in evaluate_multilabel(answers(pictures, wrong=[1]), pictures).predictions
        if row["split"] == "test"
    ]
    assert [row["label"] for row in rows] == ["action", "action|puzzle", "puzzle", "sport"]
    assert rows[1]["predicted"] == "sport"
    assert [row["exact_accuracy"] for row in rows] == [1, 0, 1, 1]
    assert rows[0]["p(action)"] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-6)


def test_figures(pictures, tmp_path):
    exhibits = evaluate_multilabel(answers(pictures, wrong=[1, 2]), pictures).draw(
        tmp_path / "figures",
        (pictures.splits["train"].images, pictures.splits["train"].labels),
        maps=lambda batch: {
            "conv1": np.random.default_rng(0).random((len(batch["image"]), 4, 4, 8))
        },
    )
    assert {exhibit.file.stem for exhibit in exhibits} == {
        "precision_recall",
        "thresholds",
        "said",
        "furthest",
        "nearest",
        "feature_maps",
        "class_balance",
        "augmented",
    }
    assert all(exhibit.file.stat().st_size > 1000 for exhibit in exhibits)


def test_captions():
    assert [
        line.before + line.name
        for line in describe_labels(CLASSES, np.array([1, 1, 0]), np.array([1, 0, 0]) > 0)
    ] == [
        "action, puzzle",
        "✗ action",
    ]
    assert describe_labels(CLASSES, np.array([0, 0, 0]), np.zeros(3) > 0)[1].name == "nothing"
    assert (
        describe_label_targets(CLASSES, np.array([0.3, 0.7, 0.0]))[0].name
        == "action 30%, puzzle 70%"
    )
    assert describe_label_targets(CLASSES, np.array([1.0, 0.0, 1.0]))[0].name == "action, sport"


def test_panels_of_more_labels_than_a_row_holds():
    truth = np.random.default_rng(0).random((20, 30)) < 0.3
    names = [f"label {number}" for number in range(30)]
    figure = plot_precision_recall(
        truth * 0.5 + 0.2, truth.astype(np.float32), np.full(30, 0.5), names
    )
    assert len(figure.axes) == MAX_PANELS
