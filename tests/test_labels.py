"""A whole run on pictures that may have several labels, from a CSV file to the report, without a test split."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from configs import game_covers
from gv_jax import experiment

COLOURS = ("red", "green", "blue")


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself."""


@pytest.fixture
def covers(tmp_path):
    """96 pictures with a square of each of their colours, one or two, at random places."""
    draws, rows = np.random.default_rng(0), []
    (tmp_path / "in").mkdir()
    for number in range(96):
        pixels = draws.integers(0, 60, (16, 16, 3), dtype=np.uint8)
        own = draws.choice(3, 1 + number % 2, replace=False)
        for colour in own:
            top, left = draws.integers(0, 9, 2)
            pixels[top : top + 7, left : left + 7, colour] = 240
        Image.fromarray(pixels).save(tmp_path / "in" / f"n{number:03d}.png")
        rows.append(
            f"n{number:03d}.png,game {chr(97 + number // 4)}{chr(97 + number % 4)},{'|'.join(COLOURS[i] for i in own)}"
        )
    (tmp_path / "in" / "covers.csv").write_text("\n".join(["file,title,genres", *rows]) + "\n")
    return tmp_path / "in"


def test_labels_are_learned_and_reported(covers, tmp_path):
    config = game_covers.get_config()
    config.task = "multi_label"
    config.data.path, config.data.root = str(covers), str(tmp_path / "data")
    config.update_from_flattened_dict(
        {
            "data.size": (16, 16),
            "data.valid_fraction": 0.3,
            "data.test_fraction": 0.0,
            "model.name": "two_layer",
            "model.stem": "",
            "train.batch_size": 16,
            "train.epochs": 15,
            "loss.focal": 1.0,
            "optimizer.learning_rate": 5e-3,
        }
    )
    for name in config.augment:
        config.augment[name] = 0.0
    config.augment.mixup = 0.2
    said = experiment.run(config, tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert "test" not in results
    here, floor = results["valid"], results["baseline"]["valid"]
    assert here["mean_average_precision"] > 0.9 > floor["mean_average_precision"]
    assert here["micro_f1"] > floor["micro_f1"]
    assert f"{100 * here['mean_average_precision']:.1f} %" in said
    assert (
        results["sources"] == json.loads((tmp_path / "run" / "report.json").read_text())["classes"]
    )
    with (tmp_path / "run" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "valid"]
    exact = np.mean([row["label"] == row["predicted"] for row in rows])
    assert exact == pytest.approx(here["exact_accuracy"])
    assert {"precision_recall", "thresholds", "label_confusion"} <= {
        file.stem for file in (tmp_path / "run" / "figures").iterdir()
    }
