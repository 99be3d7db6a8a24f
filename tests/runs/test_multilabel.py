"""A whole multi-label run, from a CSV file to the report, without a test split."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from configs import game_covers
from gv_jax import experiment
from gv_jax.config.resolve import as_probe
from tests.runs.runs import find_unregistered_metrics, read_results

pytestmark = pytest.mark.slow

COLORS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def covers(tmp_path_factory):
    """96 images with one square for each of their labels, which are one or two colors."""
    folder = tmp_path_factory.mktemp("covers")
    rng, rows = np.random.default_rng(0), []
    for index in range(96):
        pixels = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
        labels = rng.choice(3, 1 + index % 2, replace=False)
        for color in labels:
            top, left = rng.integers(0, 9, 2)
            pixels[top : top + 7, left : left + 7, color] = 240
        Image.fromarray(pixels).save(folder / f"n{index:03d}.png")
        title = f"game {chr(97 + index // 4)}{chr(97 + index % 4)}"
        rows.append(f"n{index:03d}.png,{title},{'|'.join(COLORS[label] for label in labels)}")
    (folder / "covers.csv").write_text("\n".join(["file,title,genres", *rows]) + "\n")
    return folder


def make_config(covers, base):
    """A multi-label run on the covers."""
    config = game_covers.get_config()
    config.update_from_flattened_dict(
        {
            "task": "multi_label",
            "data.path": str(covers),
            "data.root": str(base / "data"),
            "data.size": (16, 16),
            "data.valid_fraction": 0.3,
            "data.test_fraction": 0.0,
            "model.name": "two_layer",
            "train.batch_size": 16,
            "train.epochs": 15,
            "loss.focal": 1.0,
            "optimizer.learning_rate": 5e-3,
            **{f"augment.{name}": 0.0 for name in config.augment if name != "random_crop"},
            "augment.mixup": 0.2,
        }
    )
    return config


@pytest.fixture(scope="module")
def finished(covers, tmp_path_factory):
    """A finished run: its directory and the line that it returned."""
    base = tmp_path_factory.mktemp("multilabel")
    return base / "run", experiment.run(make_config(covers, base), base / "run")


def test_labels_are_learned(finished):
    run, line = finished
    results = read_results(run)
    assert "test" not in results
    metrics, baseline = results["valid"], results["baseline"]["valid"]
    assert metrics["mean_average_precision"] > 0.9 > baseline["mean_average_precision"]
    assert metrics["micro_f1"] > baseline["micro_f1"]
    assert f"{100 * metrics['mean_average_precision']:.1f} %" in line
    assert find_unregistered_metrics(run) == set()


def test_files_of_the_run(finished):
    run, _ = finished
    results = read_results(run)
    assert results["sources"] == json.loads((run / "report.json").read_text())["classes"]
    with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "valid"]
    exact = np.mean([row["label"] == row["predicted"] for row in rows])
    assert exact == pytest.approx(results["valid"]["exact_accuracy"])
    figures = {file.stem for file in (run / "figures").iterdir()}
    assert {"precision_recall", "thresholds", "label_confusion"} <= figures


@pytest.mark.parametrize("method", ["ridge", "logistic"])
def test_a_probe_of_several_labels_beats_the_baseline(covers, tmp_path, method):
    config = make_config(covers, tmp_path)
    config.update_from_flattened_dict({"probe.method": method, "augment.mixup": 0.0})
    experiment.run(as_probe(config), tmp_path / "run")
    results = read_results(tmp_path / "run")
    training, metric = results["training"], "mean_average_precision"
    assert results["valid"][metric] > results["baseline"]["valid"][metric] + 0.1
    assert [row["penalty"] for row in training["penalties"]] == list(config.probe.l2)
    best = max(row["held_out_ranking_precision"] for row in training["penalties"])
    (used,) = [row for row in training["penalties"] if row["used"]]
    assert (used["penalty"], used["held_out_ranking_precision"]) == (training["penalty"], best)
    assert find_unregistered_metrics(tmp_path / "run") == set()
    page = (tmp_path / "run" / "report.md").read_text()
    assert "figures/penalties.png" in page
    assert "augment" not in page.partition("## Reproducibility")[0].lower()
    assert not list((tmp_path / "run" / "figures").glob("curve_*"))
    experiment.evaluate(as_probe(config), tmp_path / "run")
    assert read_results(tmp_path / "run")["training"] == training
