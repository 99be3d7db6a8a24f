"""Files are predicted in order, a few ahead of time; unreadable ones are listed."""

import zipfile
from itertools import islice

import pytest
from PIL import Image

from gv_jax.inference.files import predict_files
from gv_jax.inference.files.input_files import ImageSource, list_inputs
from gv_jax.inference.files.predict_files import Predictor
from tests.inference.files.classifier import ColorClassifier
from tests.inference.files.images import write_image

COLORS = ("red", "green", "blue")


@pytest.fixture
def folder(tmp_path):
    for index in range(100):
        write_image(tmp_path / f"{index}.png", COLORS[index % 7 % 3])
    return tmp_path


def predict(predictor, sources):
    """(source, label) of every readable image."""
    return [
        (image.source, label)
        for batch in predictor.predict(sources)
        for image, label in zip(batch.images, batch.predictions.labels, strict=True)
    ]


def test_predictions_come_in_the_order_of_the_inputs(folder, monkeypatch):
    monkeypatch.setattr(predict_files, "MAX_BATCH", 16)
    monkeypatch.setattr(predict_files, "CHUNK", 3)
    sources = list_inputs([str(folder)]).sources
    expected = [(source, COLORS[index % 7 % 3]) for index, source in enumerate(sources)]
    assert predict(Predictor(ColorClassifier()), sources) == expected


def test_files_are_decoded_a_bounded_number_ahead(folder, monkeypatch):
    monkeypatch.setattr(predict_files, "MAX_BATCH", 16)
    monkeypatch.setattr(predict_files, "CHUNK", 4)
    taken = []

    def iter_sources():
        for index in range(10_000):
            taken.append(index)
            yield ImageSource(folder / f"{index % 100}.png", f"{index}.png")

    batches = Predictor(ColorClassifier()).predict(iter_sources())
    assert len(list(islice(batches, 3))) == 3
    assert len(taken) <= 3 * 16 + 4 * (predict_files.LOOK_AHEAD + 1)
    batches.close()


def test_unreadable_files_are_listed(folder):
    (folder / "broken.png").write_bytes(b"no image")
    with zipfile.ZipFile(folder / "pack.zip", "w") as archive:
        archive.writestr("a.png", (folder / "0.png").read_bytes())
        archive.writestr("b.png", b"no image")
    words = [str(folder / name) for name in ("1.png", "broken.png", "2.png", "pack.zip")]
    predictor = Predictor(ColorClassifier())
    predicted = predict(predictor, list_inputs(words).sources)
    assert [label for _, label in predicted] == ["green", "blue", "red"]
    problems = [path for path, _ in predictor.problems]
    assert problems == [str(folder / "broken.png"), str(folder / "pack.zip" / "b.png")]


def test_a_damaged_member_is_listed(folder):
    data = (folder / "0.png").read_bytes()
    with zipfile.ZipFile(folder / "pack.zip", "w") as archive:
        archive.writestr("a.png", data)
    zipped = (folder / "pack.zip").read_bytes()
    (folder / "pack.zip").write_bytes(zipped.replace(data[-20:], bytes(20), 1))
    predictor = Predictor(ColorClassifier())
    assert predict(predictor, list_inputs([str(folder / "pack.zip")]).sources) == []
    assert len(predictor.problems) == 1


def test_conversions_of_channels_are_stated_once(folder):
    for index, mode in enumerate(("L", "L", "LA", "RGBA", "P")):
        image = Image.new("RGBA", (4, 4), (255, 0, 0, 128)).convert(mode)
        image.save(folder / f"other{index}.png")
    predictor = Predictor(ColorClassifier())
    predict(predictor, list_inputs([str(folder)]).sources)
    assert predictor.conversions == {1: 2, 2: 1, 4: 2}
    line = predictor.describe_conversions()
    assert "2 gray" in line
    assert "3 channels" in line
    assert Predictor(ColorClassifier()).describe_conversions() == ""
