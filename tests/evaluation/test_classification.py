"""What a classifier's outputs come to, on answers that were made up so that everything is known."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sk

from gv_jax.data.dataset import Dataset, Split
from gv_jax.evaluation.classification import (
    describe_prediction,
    evaluate_classification,
    pick_examples,
)

CLASSES = ("cat", "dog", "car")
GROUPS = {"cat": "pet", "dog": "pet", "car": "thing"}


def split(labels, name: str) -> Split:
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8, 3), dtype=np.uint8)
    return Split(
        images,
        np.array(labels, np.int32),
        [f"{name}/{number}.png" for number in range(len(labels))],
    )


@pytest.fixture
def pictures() -> Dataset:
    splits = {
        "train": split([0, 0, 0, 1, 1, 2], "train"),
        "test": split([0, 0, 1, 1, 2, 2], "test"),
    }
    return Dataset("zoo", CLASSES, GROUPS, splits, ())


def outputs(said, sure) -> np.ndarray:
    """Logits [n 3] of answers with a confidence each."""
    logs = np.log((1 - np.array(sure)) / 2)[:, None].repeat(3, 1)
    logs[np.arange(len(said)), said] = np.log(sure)
    return (logs + 7).astype(np.float32)


@pytest.fixture
def logits():
    return {
        "train": outputs([0, 0, 0, 1, 1, 2], [0.9] * 6),
        "test": outputs([0, 1, 1, 1, 2, 0], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]),
    }


def test_results_by_hand(pictures, logits):
    results = evaluate_classification(logits, pictures).results
    assert results["train"]["accuracy"] == 1
    assert results["test"]["accuracy"] == pytest.approx(4 / 6)
    assert results["test"]["loss"] == pytest.approx(
        -np.log([0.9, 0.1, 0.7, 0.6, 0.5, 0.3]).mean(), rel=1e-5
    )
    assert results["test"]["count"] == 6
    assert results["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert results["baseline"]["class"] == "cat"
    assert results["baseline"]["test"]["accuracy"] == pytest.approx(2 / 6)
    assert results["groups"]["accuracy"] == pytest.approx(5 / 6)
    assert results["groups"]["mistakes_within_share"] == pytest.approx(1 / 2)
    assert results["groups"]["mistakes_across_share"] == pytest.approx(1 / 2)
    assert results["groups"]["confusion"] == [[4, 0], [1, 1]]
    assert results["mistakes"] == [
        {"true": "cat", "predicted": "dog", "count": 1, "share": 0.5},
        {"true": "car", "predicted": "cat", "count": 1, "share": 0.5},
    ]
    assert "right for 4 of 6 pictures of the test split, 66.7%" in results["summary"]
    json.dumps(results)


def test_rows_of_classes_are_the_worst_first_and_agree_with_scikit_learn(pictures, logits):
    rows = evaluate_classification(logits, pictures).results["per_class"]
    assert [row["f1"] for row in rows] == sorted(row["f1"] for row in rows)
    expected = sk.classification_report(
        pictures.splits["test"].labels, [0, 1, 1, 1, 2, 0], target_names=CLASSES, output_dict=True
    )
    for row in rows:
        theirs = expected[row["class"]]
        assert row["f1"] == pytest.approx(theirs["f1-score"])
        assert row["precision"] == pytest.approx(theirs["precision"])
        assert row["recall"] == pytest.approx(theirs["recall"])
        assert row["support"] == theirs["support"]
        assert row["group"] == GROUPS[row["class"]]


def test_predictions_are_one_row_for_each_picture(pictures, logits):
    rows = evaluate_classification(logits, pictures).predictions
    assert [row["id"] for row in rows] == [
        *pictures.splits["train"].ids,
        *pictures.splits["test"].ids,
    ]
    assert rows[7] == {
        "id": "test/1.png",
        "label": "cat",
        "predicted": "dog",
        "confidence": pytest.approx(0.8, abs=1e-5),
        "split": "test",
    }


@pytest.mark.parametrize("main", ["train", "valid", "test"])
def test_the_last_split_that_exists_is_the_one_that_counts(main, pictures, logits):
    names = ("train", "valid", "test")[: ("train", "valid", "test").index(main) + 1]
    splits = {name: split([0, 0, 1, 1, 2, 2], name) for name in names}
    found = evaluate_classification(
        dict.fromkeys(names, logits["test"]), Dataset("zoo", CLASSES, {}, splits, ())
    )
    assert found.main == found.results["main_split"] == main
    assert set(found.results["baseline"]) == {"name", "class", *names}
    assert "groups" not in found.results
    assert "group" not in found.results["per_class"][0]


def test_a_class_that_a_split_lacks_breaks_nothing(pictures, logits, tmp_path):
    pictures.splits["test"] = split([0, 0, 0, 0, 1, 1], "test")
    found = evaluate_classification(logits, pictures)
    assert found.results["per_class"][-1]["class"] == "car"
    assert found.results["per_class"][-1]["support"] == 0
    found.draw(tmp_path / "figures")


def test_every_figure_is_written_and_explained(pictures, logits, tmp_path):
    augmented = np.random.default_rng(0).random((5, 8, 8, 3)), np.array([[0.7, 0.3, 0.0]] * 5)
    exhibits = evaluate_classification(logits, pictures).draw(tmp_path / "figures", augmented)
    names = {exhibit.file.stem for exhibit in exhibits}
    assert names == {
        "confusion", "confusion_normalised", "confusion_groups", "reliability", "class_balance", "augmented",
        "sure_wrong", "unsure_wrong", "sure_right", "unsure_right",
    }  # fmt: skip
    for exhibit in exhibits:
        with Image.open(exhibit.file) as picture:
            picture.verify()
        assert len(exhibit.caption) > 30
        assert "{" not in exhibit.caption


def test_no_gallery_of_mistakes_where_there_are_none(pictures, logits, tmp_path):
    found = evaluate_classification({"train": logits["train"]}, pictures)
    assert not found.results["mistakes"]
    assert not [exhibit for exhibit in found.draw(tmp_path) if exhibit.file.stem.endswith("wrong")]


def test_galleries_pick_what_they_say(logits, pictures):
    labels = pictures.splits["test"].labels
    assert list(pick_examples(logits["test"], labels, right=False, sure=True)) == [1, 5]
    assert list(pick_examples(logits["test"], labels, right=False, sure=False)) == [5, 1]
    assert list(pick_examples(logits["test"], labels, right=True, sure=False)) == [4, 3, 2, 0]
    assert list(pick_examples(logits["test"], labels, right=True, sure=True)) == [
        0,
        2,
        4,
        3,
    ]  # one of each class, then more


def test_captions_tell_right_from_wrong_without_colour():
    answers = np.log([0.1, 0.75, 0.15])
    wrong, right = (
        describe_prediction(CLASSES, 0, answers),
        describe_prediction(CLASSES, 1, answers),
    )
    assert [line.before + line.name for line in wrong] == ["cat", "✗ 75.0% dog"]
    assert [line.before + line.name for line in right] == ["dog", "✓ 75.0%"]


def test_without_a_test_split_the_valid_split_counts(pictures, tmp_path):
    splits = {"train": pictures.splits["train"], "valid": pictures.splits["test"]}
    listed = Dataset("made_up", CLASSES, GROUPS, splits, ())
    logits = {name: 4.0 * np.eye(3)[part.labels] for name, part in splits.items()}
    found = evaluate_classification(logits, listed)
    assert (found.main, found.results["main_split"]) == ("valid", "valid")
    assert "of the valid split" in found.results["summary"]
    assert found.results["groups"]["accuracy"] == 1
    assert "confusion_groups" in {exhibit.file.stem for exhibit in found.draw(tmp_path / "figures")}
