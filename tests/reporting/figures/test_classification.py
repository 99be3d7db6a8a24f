"""The figures of a classification: all are written; the galleries show what they claim."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.evaluation.classification import evaluate_classification
from gv_jax.reporting.figures.classification import (
    describe_prediction,
    describe_targets,
    draw_classification,
    pick_examples,
)
from tests.evaluation.examples import CLASSES, make_split, make_zoo, make_zoo_logits


def test_every_figure_is_written_with_a_caption(tmp_path):
    evaluation = evaluate_classification(make_zoo_logits(), make_zoo())
    augmented = np.random.default_rng(0).random((5, 8, 8, 3)), np.array([[0.7, 0.3, 0.0]] * 5)
    figures = draw_classification(evaluation, tmp_path / "figures", augmented)
    assert {figure.file.stem for figure in figures} == {
        *("confusion", "confusion_normalized", "confusion_groups", "reliability"),
        *("confident_errors", "uncertain_errors", "confident_correct", "uncertain_correct"),
        *("class_balance", "augmented"),
    }
    for figure in figures:
        with Image.open(figure.file) as image:
            image.verify()
        assert len(figure.caption) > 30
        assert "{" not in figure.caption


def test_no_gallery_of_errors_without_errors(tmp_path):
    logits = {"train": make_zoo_logits()["train"]}
    evaluation = evaluate_classification(logits, make_zoo())
    assert not evaluation.results["top_confusions"]
    stems = {figure.file.stem for figure in draw_classification(evaluation, tmp_path)}
    assert "confident_correct" in stems
    assert not {"confident_errors", "uncertain_errors"} & stems


@pytest.mark.parametrize(("split", "errors"), [("test", "50.0 %"), ("train", "No errors")])
def test_the_caption_of_groups_says_where_errors_are(tmp_path, split, errors):
    logits = {split: make_zoo_logits()[split]}
    figures = draw_classification(evaluate_classification(logits, make_zoo()), tmp_path)
    (caption,) = [figure.caption for figure in figures if figure.file.stem == "confusion_groups"]
    assert errors in caption
    assert ("Of all errors" in caption) == (split == "test")


def test_a_class_without_support(tmp_path):
    dataset = make_zoo()
    dataset.splits["test"] = make_split("test", [0, 0, 0, 0, 1, 1])
    draw_classification(evaluate_classification(make_zoo_logits(), dataset), tmp_path)


def test_galleries_pick_by_correctness_and_confidence():
    logits, labels = make_zoo_logits()["test"], make_zoo().splits["test"].labels

    def pick(correct: bool, confident: bool) -> list[int]:
        return list(pick_examples(logits, labels, correct, confident))

    assert pick(correct=False, confident=True) == [1, 5]
    assert pick(correct=False, confident=False) == [5, 1]
    assert pick(correct=True, confident=False) == [4, 3, 2, 0]
    assert pick(correct=True, confident=True) == [0, 2, 4, 3]  # one of each class, then more


def test_captions_do_not_depend_on_color():
    log_probs = np.log([0.1, 0.75, 0.15])
    wrong = describe_prediction(CLASSES, 0, log_probs)
    correct = describe_prediction(CLASSES, 1, log_probs)
    assert [line.prefix + line.text for line in wrong] == ["cat", "✗ 75.0 % dog"]
    assert [line.prefix + line.text for line in correct] == ["dog", "✓ 75.0 %"]


def test_captions_of_mixed_targets_name_both_classes():
    (mixed, pure) = describe_targets(CLASSES, np.array([[0.3, 0.7, 0.0], [0.0, 0.05, 0.95]]))
    assert [line.prefix + line.text for line in mixed] == ["70 % dog", "30 % cat"]
    assert [line.prefix + line.text for line in pure] == ["car"]
