"""One run from images to report, and runs that are refused or stopped."""

import csv
import json
import os
import shutil

import jax
import numpy as np
import pytest

import gv_jax
from gv_jax import experiment
from gv_jax.errors import UserError
from gv_jax.training.lease import lease
from tests.runs.runs import find_unregistered_metrics, make_small_config, read_log, read_results


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes dtypes itself."""


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    """A finished run: its directory, its config and the line that it returned."""
    base = tmp_path_factory.mktemp("finished")
    fields = {
        "train.epochs": 8,
        "train.steps_per_epoch": 3,
        "train.valid_batches": 1,
        "train.report_epochs": (2,),
        "optimizer.learning_rate": 5e-3,
    }
    config = make_small_config(shapes, base / "data", **fields)
    return base / "run", config, experiment.run(config, base / "run")


def list_times(run):
    return {file: file.stat().st_mtime_ns for file in run.rglob("*")}


def test_a_run_learns_and_leaves_its_files(finished):
    run, _, line = finished
    results = read_results(run)
    assert results["test"]["accuracy"] > 0.9 > results["baseline"]["test"]["accuracy"]
    assert f"{100 * results['test']['accuracy']:.1f} %" in line
    assert str(run / "report.html") in line
    assert set(results) >= {
        "task", "dataset", "model", "parameters", "training", "baseline", "train", "valid", "test",
        "per_class", "timing", "seed",
    }  # fmt: skip
    assert {file.name for file in run.iterdir()} == {
        "config.json", "data.json", "metrics.jsonl", "tensorboard", "checkpoints", "results.json",
        "predictions.csv", "figures", "report.html", "report.md", "confidence.npz", "neighbors.npz",
    }  # fmt: skip
    for split in ("train", "valid"):
        steps = [row["step"] for row in read_log(run) if row["split"] == split]
        assert steps == list(range(3, 25, 3))
    header, *rows = (run / "predictions.csv").read_text().splitlines()
    assert header == "id,label,predicted,confidence,split"
    assert len(rows) == 72


def test_the_directory_alone_predicts_what_the_report_measured(finished, shapes, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    rows = list(csv.DictReader((copy / "predictions.csv").read_text().splitlines()))
    run = gv_jax.load_run(copy)
    predictions = run.predict([shapes / row["id"] for row in rows])
    assert predictions.labels == [row["predicted"] for row in rows]
    confidences = [float(row["confidence"]) for row in rows]
    np.testing.assert_allclose(predictions.confidences, confidences, atol=1e-5)
    valid = [row["split"] == "valid" for row in rows]
    assert predictions.unfamiliar is not None
    assert predictions.unfamiliar[valid].mean() <= 0.05
    train = next(row["id"] for row in rows if row["split"] == "train")
    nearest = run.nearest(shapes / train)[0]
    assert (nearest.id, nearest.label) == (train, train.partition("/")[0])
    np.testing.assert_array_equal(nearest.thumbnail, run.prepare(shapes / train))


def test_nothing_of_the_training_images_is_stored_if_not_wanted(finished, tmp_path):
    _, config, _ = finished
    config = config.copy_and_resolve_references()
    config.inference.neighbors, config.train.epochs = 0, 1
    experiment.run(config, tmp_path / "run")
    assert not (tmp_path / "run" / "neighbors.npz").exists()
    assert (
        gv_jax.load_run(tmp_path / "run").predict(np.zeros((16, 16, 3), np.uint8)).unfamiliar
        is None
    )


def test_every_metric_is_registered(finished):
    assert find_unregistered_metrics(finished[0]) == set()


def test_a_finished_run_is_left_unchanged(finished):
    run, config, line = finished
    before = list_times(run)
    assert experiment.run(config, run).endswith(line)
    assert list_times(run) == before


def test_evaluation_again_gives_the_same(finished):
    run, config, _ = finished
    before = read_results(run)
    (run / "predictions.csv").unlink()
    experiment.evaluate(config, run)
    after = read_results(run)
    assert (run / "predictions.csv").exists()
    for name in ("train", "valid", "test", "per_class", "training", "epochs"):
        assert before[name] == after[name]


def test_a_finished_run_is_evaluated_with_other_test_time_augmentation(finished):
    run, config, _ = finished
    before, settings = read_results(run), (run / "config.json").read_bytes()
    other = config.copy_and_resolve_references()
    other.tta.flip = True
    experiment.evaluate(other, run)
    after = read_results(run)
    assert (before["tta"]["flip"], after["tta"]) == (False, {"flip": True, "shift": 0})
    assert after["test"]["loss"] != before["test"]["loss"]
    assert "augmentation: flip" in (run / "report.md").read_text()
    assert (run / "config.json").read_bytes() == settings
    other.seed = 1
    with pytest.raises(UserError, match="seed is 0 "):
        experiment.evaluate(other, run)
    experiment.evaluate(config, run)
    assert read_results(run)["test"] == before["test"]


def test_another_config_is_refused(finished):
    run, config, _ = finished
    other = config.copy_and_resolve_references()
    other.seed = 1
    before = list_times(run)
    with pytest.raises(UserError, match=r"seed is 0 .* 1 ") as error:
        experiment.run(other, run)
    assert str(run) in str(error.value)
    assert list_times(run) == before


def test_a_run_of_an_older_format_is_refused(finished, tmp_path):
    run, config, _ = finished
    content = json.loads((run / "config.json").read_text())
    assert content.pop("format_version") > 1
    (tmp_path / "config.json").write_text(json.dumps(content))
    for start in (experiment.run, experiment.evaluate):
        with pytest.raises(UserError) as error:
            start(config, tmp_path)
        assert str(tmp_path) in str(error.value)
        assert "\n" not in str(error.value)
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


def test_a_run_directory_of_another_process_is_refused(shapes, tmp_path):
    config = make_small_config(shapes, tmp_path / "data")
    with lease(tmp_path / "run"), pytest.raises(UserError) as error:
        experiment.run(config, tmp_path / "run")
    assert error.value.exit_status == 2
    assert str(tmp_path / "run") in str(error.value)
    assert f"process {os.getpid()} " in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run" / "config.json").exists()


def test_out_of_memory_names_the_batch_size_to_try(finished, tmp_path, monkeypatch):
    def fail(*arguments):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.")

    monkeypatch.setattr(experiment, "fit", fail)
    with pytest.raises(UserError, match=r"config\.train\.batch_size=8 "):
        experiment.run(finished[1], tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()
