"""Explanations of finished runs through `ClassifierRun.explain`."""

import threading

import numpy as np
import pytest

import gv_jax
from gv_jax.errors import UserError
from gv_jax.inference.explain.explainer import MAPS
from tests.inference.runs import write_classification_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return gv_jax.load_run(write_classification_run(tmp_path_factory.mktemp("explain") / "run"))


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("method", MAPS)
def test_an_explanation_has_the_size_of_the_input(run, method):
    image = draw(40, 30, 3)
    explanation = run.explain(image, method)
    predictions = run.predict(image)
    assert explanation.label == predictions.labels[0]
    assert explanation.probability == pytest.approx(predictions.confidences[0])
    assert explanation.method == method
    np.testing.assert_array_equal(explanation.image, run.prepare(image))
    assert (explanation.map.shape, explanation.map.dtype) == ((16, 24), np.float32)
    assert explanation.map.min() >= 0
    assert explanation.map.max() in (0, 1)
    assert (explanation.overlay.shape, explanation.overlay.dtype) == ((160, 240, 3), np.uint8)


def test_the_label_can_be_chosen(run):
    image = draw(16, 24, 3)
    explanations = [run.explain(image, label=label) for label in run.classes]
    probabilities = run.predict(image).probabilities[0]
    for index, explanation in enumerate(explanations):
        assert explanation.label == run.classes[index]
        assert explanation.probability == pytest.approx(probabilities[index])
    maps = [explanation.map for explanation in explanations]
    assert not np.array_equal(maps[0], maps[1])


def test_the_layer_can_be_chosen(run):
    image = draw(16, 24, 3)
    assert run.explain(image).layer == "block2"
    assert run.explain(image, layer="block1").layer == "block1"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"method": "lime"}, ["lime", "grad_cam"]),
        ({"label": "purple"}, ["purple", "red"]),
        ({"layer": "stage9"}, ["stage9", "block1", "block2"]),
    ],
)
def test_unknown_names_are_listed(run, options, named):
    with pytest.raises(UserError) as caught:
        run.explain(draw(16, 24, 3), **options)
    assert all(name in str(caught.value) for name in named)


def test_threads_get_the_same_explanations(run):
    images = draw(4, 16, 24, 3)
    expected = [run.explain(image).map for image in images]
    found: dict[int, np.ndarray] = {}

    def explain(index: int) -> None:
        found[index] = run.explain(images[index]).map

    threads = [threading.Thread(target=explain, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(4):
        np.testing.assert_array_equal(found[index], expected[index])


@pytest.mark.parametrize("channels", [1, 4])
def test_gray_and_rgba_runs(tmp_path, channels):
    path = write_classification_run(tmp_path / "run", **{"data.channels": channels})
    explanation = gv_jax.load_run(path).explain(draw(16, 24, 3))
    assert explanation.image.shape == (16, 24, channels)
    assert explanation.overlay.shape == (160, 240, 3)


def test_several_labels_and_bfloat16(tmp_path):
    fields = {"task": "multi_label", "model.dtype": "bfloat16"}
    run = gv_jax.load_run(write_classification_run(tmp_path / "run", **fields))
    explanation = run.explain(draw(16, 24, 3), label="blue")
    assert explanation.label == "blue"
    assert explanation.map.dtype == np.float32
