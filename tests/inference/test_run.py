"""Finished runs as Python objects."""

import json
import shutil
import threading
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import gv_jax
from gv_jax.data.decode import CorruptImageError
from gv_jax.errors import UserError
from gv_jax.evaluation.confidence import Confidence
from gv_jax.inference import classifier
from gv_jax.inference.stored.confidence_file import read_confidence, write_confidence
from gv_jax.inference.stored.neighbors import (
    Neighbors,
    encode_thumbnail,
    read_neighbors,
    write_neighbors,
)
from gv_jax.training.step import make_predict
from tests.inference.runs import write_classification_run


@pytest.fixture(scope="module")
def classification_run(tmp_path_factory):
    return write_classification_run(tmp_path_factory.mktemp("classification") / "run")


@pytest.fixture(scope="module")
def run(classification_run):
    return gv_jax.load_run(classification_run)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_predictions_are_the_networks(run):
    images = draw(5, 16, 24, 3)
    predictions = run.predict(images)
    inputs = (images.astype(np.float32) / 255 - 0.5) / 0.25
    logits = make_predict(run.network)(*run.weights, inputs)
    np.testing.assert_allclose(predictions.probabilities, jax.nn.softmax(logits), atol=1e-5)
    assert predictions.labels == [run.classes[i] for i in np.asarray(logits).argmax(1)]
    assert predictions.top(2)[0][0] == (predictions.labels[0], predictions.confidences[0])
    assert len(predictions) == 5
    assert len(predictions[1:3]) == 2
    assert predictions[-1].labels == predictions.labels[-1:]
    assert predictions.unfamiliar is None


def test_every_kind_of_input_gives_the_same(run, tmp_path):
    pixels = draw(40, 30, 3)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "image.png")
    kinds = [pixels, image, tmp_path / "image.png", str(tmp_path / "image.png")]
    each = [run.predict(kind).probabilities for kind in kinds]
    for probabilities in each:
        np.testing.assert_array_equal(probabilities, each[0])
    assert len(run.predict(kinds)) == 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_images_of_all_modes_are_converted(run, tmp_path, mode):
    base = Image.fromarray(draw(20, 20, 3))
    if mode == "I;16":
        image = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160)
    else:
        image = base.convert(mode)
    assert run.prepare(image).shape == (16, 24, 3)
    if mode != "CMYK":
        image.save(tmp_path / "image.png")
        np.testing.assert_array_equal(run.prepare(tmp_path / "image.png"), run.prepare(image))


@pytest.mark.parametrize("shape", [(9, 9), (9, 9, 1), (9, 9, 2), (9, 9, 4), (1, 1, 3), (300, 2, 3)])
def test_arrays_of_all_sizes_and_channels_are_converted(run, shape):
    assert run.prepare(draw(*shape)).shape == (16, 24, 3)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3)), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8), 7]
)
def test_other_arrays_are_no_images(run, image):
    with pytest.raises(UserError):
        run.predict([image])


@pytest.mark.parametrize("value", [None, 7, b"a.png", [None], [[1, 2]]])
def test_values_of_other_types_are_no_images(run, value):
    with pytest.raises(UserError, match=r"NoneType|int|bytes|list"):
        run.predict(value)


def test_a_file_that_is_no_image_is_named(run, tmp_path):
    for name in ("missing.png", "text.png"):
        (tmp_path / "text.png").write_text("text")
        with pytest.raises(CorruptImageError, match=name):
            run.predict([tmp_path / name])


@pytest.mark.parametrize("count", [0, -1, "3", 1.5])
def test_counts_are_whole_numbers_of_at_least_1(run, count):
    with pytest.raises(UserError, match=str(count)):
        run.predict(draw(16, 24, 3)).top(count)


def test_values_are_short_on_the_screen(run):
    assert str(run.path) in repr(run)
    assert "true_probs" not in repr(run.predict(draw(16, 24, 3)))


def test_an_empty_list_and_a_broken_file_are_errors(run, tmp_path):
    with pytest.raises(UserError, match="empty"):
        run.predict([])
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CorruptImageError):
        run.predict(tmp_path / "broken.png")


def test_a_program_is_compiled_for_few_batch_sizes(run, monkeypatch):
    calls = []
    forward = run._forward
    monkeypatch.setattr(
        run, "_forward", lambda *args: calls.append(len(args[-1])) or forward(*args)
    )
    images = draw(70, 16, 24, 3)
    whole = run.predict(images).probabilities
    singles = [run.predict(image).probabilities for image in images[:3]]
    run.predict(images[:17])
    assert calls == [256, 1, 1, 1, 64]
    np.testing.assert_allclose(np.concatenate(singles), whole[:3], atol=1e-6)


@pytest.mark.parametrize(
    ("size", "expected"), [((16, 16), 256), ((224, 224), 16), ((4000, 4000), 1)]
)
def test_batches_of_large_images_are_smaller(size, expected):
    assert classifier.max_batch_size(size) == expected


def test_threads_get_their_own_predictions(run):
    images = [draw(3, 16, 24, 3, seed=seed) for seed in range(6)]
    expected = [run.predict(batch).probabilities for batch in images]
    found = [None] * 6

    def predict(index):
        found[index] = run.predict(images[index]).probabilities

    threads = [threading.Thread(target=predict, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found, expected)


def test_methods_of_other_tasks_are_one_line(run, colorization_run, super_resolution_run):
    colorizer, upscaler = map(gv_jax.load_run, (colorization_run, super_resolution_run))
    image = draw(16, 24, 3)
    assert colorizer.colorize(image).shape == (16, 24, 3)
    assert upscaler.upscale(image).shape == (32, 48, 3)
    for call in (run.colorize, run.upscale, colorizer.predict, upscaler.embed, colorizer.explain):
        with pytest.raises(UserError) as caught:
            call(image)
        assert "\n" not in str(caught.value)


def test_an_upscaled_image_keeps_its_alpha(super_resolution_run):
    upscaler = gv_jax.load_run(super_resolution_run)
    image = draw(6, 8, 4)
    large = upscaler.upscale(image)
    assert large.shape == (12, 16, 4)
    np.testing.assert_array_equal(large[::2, ::2, 3], image[..., 3])
    assert upscaler.upscale(image[..., 0]).shape == (12, 16, 3)


def copy_run(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def edit_json(file: Path, **changes) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_what_is_no_run_is_one_line(classification_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="nowhere"):
        gv_jax.load_run(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(UserError, match="no finished run"):
            gv_jax.load_run(path)
    newer = copy_run(classification_run, tmp_path / "newer")
    edit_json(newer / "config.json", format_version=99)
    with pytest.raises(UserError, match="99"):
        gv_jax.load_run(newer)
    other = copy_run(classification_run, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())["config"]
    edit_json(other / "config.json", config=config | {"model": config["model"] | {"name": "x9"}})
    with pytest.raises(UserError, match="'x9'"):
        gv_jax.load_run(other)
    unfinished = copy_run(classification_run, tmp_path / "unfinished")
    (unfinished / "report.html").unlink()
    with pytest.raises(UserError, match="no finished run"):
        gv_jax.load_run(unfinished)


def test_several_labels_have_their_own_thresholds(tmp_path):
    path = write_classification_run(tmp_path / "run", task="multi_label")
    run = gv_jax.load_run(path)
    images = draw(4, 16, 24, 3)
    probabilities = run.predict(images).probabilities
    thresholds = np.median(probabilities, 0)
    write_confidence(path, Confidence(1.0, label_thresholds=thresholds))
    predictions = gv_jax.load_run(path).predict(images)
    np.testing.assert_array_equal(predictions.probabilities, probabilities)
    for labels, row in zip(predictions.labels, probabilities, strict=True):
        assert labels == tuple(np.array(run.classes)[row >= thresholds])
    with pytest.raises(UserError):
        predictions.sets()


def test_the_calibration_is_used(classification_run, tmp_path):
    path = copy_run(classification_run, tmp_path / "copy")
    rng = np.random.default_rng(0)
    confidence = Confidence(2.0, rng.random(99), rng.random(99), rng.random(99) < 0.5)
    write_confidence(path, confidence)
    stored = read_confidence(path)
    np.testing.assert_array_equal(stored.true_probs, confidence.true_probs)
    assert stored.correct.dtype == bool
    images = draw(3, 16, 24, 3)
    plain = gv_jax.load_run(classification_run).predict(images)
    calibrated = gv_jax.load_run(path).predict(images)
    expected = jax.nn.softmax(np.log(plain.probabilities) / 2)
    np.testing.assert_allclose(calibrated.probabilities, expected, rtol=1e-5)
    for names, top in zip(calibrated.sets(0.9), calibrated.top(3), strict=True):
        assert names == [name for name, _ in top][: len(names)]


def test_nearest_training_images_are_found(classification_run, tmp_path):
    path = copy_run(classification_run, tmp_path / "copy")
    run, images = gv_jax.load_run(path), draw(9, 16, 24, 3)
    features = run.embed(images)
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    thumbnails = tuple(encode_thumbnail(image, 64) for image in images)
    ids = tuple(f"grün/{index}\n.png" for index in range(9))
    neighbors = Neighbors(units.astype(np.float16), ids, ("red",) * 9, thumbnails)
    write_neighbors(path, neighbors)
    write_confidence(path, Confidence(distances=np.full(99, 0.05)))
    stored = gv_jax.load_run(path)
    for index, image in enumerate(images):
        nearest = stored.nearest(image, 3)
        assert nearest[0].id == ids[index]
        assert nearest[0].distance < 0.05
        np.testing.assert_array_equal(nearest[0].thumbnail, image)  # small ones are lossless
        assert len(nearest) == 3
    assert stored.predict(images).unfamiliar is not None
    with pytest.raises(UserError, match="list"):
        stored.nearest([images[0], images[1]])
    with pytest.raises(UserError, match="-1"):
        stored.nearest(images[0], -1)
    with pytest.raises(UserError, match=r"inference\.neighbors"):
        gv_jax.load_run(classification_run).nearest(images[0])


def test_damaged_files_are_one_line(classification_run, tmp_path):
    for name, read in (("neighbors.npz", read_neighbors), ("confidence.npz", read_confidence)):
        (tmp_path / name).write_bytes(b"PK\x03\x04 cut")
        with pytest.raises(UserError, match=name):
            read(tmp_path)
