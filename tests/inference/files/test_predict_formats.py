"""CSV and JSON lines are read back by other programs; tables have a line per image."""

import csv
import io
import json

import pytest

from gv_jax.inference.files.input_files import list_inputs
from gv_jax.inference.files.predict_files import Predictor
from gv_jax.inference.files.predict_formats import FORMATTERS, PredictionRow, rows_of
from tests.inference.files.classifier import ColorClassifier
from tests.inference.files.images import write_image

TOP = (("wall", 0.75), ("floor, wet", 0.2), ("=1+2", 0.05))
ROW = PredictionRow("pack/a.png", ("wall",), TOP, 0.75, False, True, ("wall", 'a"b'), False)
MULTI = PredictionRow("b.png", ("wall", "x|y"), TOP, 0.75, False, None, None, True)


def text_of(name, *rows):
    return "".join("".join(FORMATTERS[name]([row], i == 0)) for i, row in enumerate(rows))


def test_csv():
    header, first, second = csv.reader(io.StringIO(text_of("csv", ROW, MULTI), newline=""))
    assert header == [
        *("path", "label", "probability", "uncertain", "unfamiliar", "prediction_set"),
        *("label_2", "probability_2", "label_3", "probability_3"),
    ]
    assert first[:5] == ["pack/a.png", "wall", "0.750000", "no", "yes"]
    assert json.loads(first[5]) == ["wall", 'a"b']
    assert first[6:] == ["floor, wet", "0.200000", "\\x3d1+2", "0.050000"]
    assert json.loads(second[1]) == ["wall", "x|y"]
    assert second[4:6] == ["", ""]


def test_jsonl():
    first, second = map(json.loads, text_of("jsonl", ROW, MULTI).splitlines())
    assert first == {
        "path": "pack/a.png",
        "label": "wall",
        "probability": 0.75,
        "uncertain": False,
        "unfamiliar": True,
        "prediction_set": ["wall", 'a"b'],
        "top": [{"label": name, "probability": value} for name, value in TOP],
    }
    assert second["labels"] == ["wall", "x|y"]
    assert second["unfamiliar"] is None


def test_table():
    first, second = text_of("table", ROW, MULTI).splitlines()
    assert first.split()[:4] == ["pack/a.png", "wall", "75.0", "%"]
    assert first.endswith("unfamiliar")
    assert "uncertain" not in second


@pytest.mark.parametrize("multi_label", [False, True])
def test_rows(multi_label, tmp_path):
    for color in ("red", "gray"):
        write_image(tmp_path / f"{color}.png", color)
    run = ColorClassifier(multi_label=multi_label)
    (batch,) = Predictor(run).predict(list_inputs([str(tmp_path)]).sources)
    gray, red = rows_of(batch, 2, 0.5, None)
    assert red.path == str(tmp_path / "red.png")
    assert red.labels == ("red",)
    assert red.top == (("red", 0.98), ("green", 0.01))
    assert (red.uncertain, red.unfamiliar) == (False, False)
    assert (gray.labels, gray.uncertain) == (((), False) if multi_label else (("red",), True))
    assert gray.unfamiliar
    assert gray.prediction_set is None


def test_prediction_sets(tmp_path):
    write_image(tmp_path / "red.png", "red")
    (batch,) = Predictor(ColorClassifier()).predict(list_inputs([str(tmp_path)]).sources)
    (row,) = rows_of(batch, 1, 0.5, 0.9)
    assert row.prediction_set == ("red",)
