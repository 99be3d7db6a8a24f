"""Whole runs on small pictures: the run folder, exactness after a kill, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from configs import folder
from gv_jax import experiment
from gv_jax.errors import UserError
from gv_jax.training.run_dir import flatten

EVERYTHING = {
    "train.ema": 0.9,
    "train.sampling": "balanced",
    "loss.focal": 2.0,
    "augment.flip": 0.5,
    "augment.pad_crop": 2.0,
    "augment.mixup": 0.4,
    "augment.cutmix": 1.0,
    "augment.erase": 0.25,
    "augment.label_smoothing": 0.1,
    "optimizer.clip_norm": 1.0,
    "optimizer.weight_decay": 1e-3,
}


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself."""


def small(pictures: Path, root: Path, **changes):
    """A run of a small CNN with BatchNorm and dropout on 16x16 pictures."""
    config = folder.get_config(str(pictures))
    config.data.root = str(root)
    config.update_from_flattened_dict(
        {
            "data.size": (16, 16),
            "data.valid_fraction": 0.2,
            "data.test_fraction": 0.2,
            "model.name": "two_layer",
            "model.stem": "",
            "train.batch_size": 16,
            "train.epochs": 4,
            "augment.flip": 0.0,
            "augment.pad_crop": 0.0,
            **{name.replace("__", "."): value for name, value in changes.items()},
        }
    )
    return config


def weights(run: Path):
    """Everything in the newest checkpoint of a run."""
    with ocp.CheckpointManager(run / "checkpoints") as manager:
        step = manager.latest_step()
        items = manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore()))
    return step, items["state"]


def assert_same_weights(one: Path, other: Path):
    (step, state), (other_step, other_state) = weights(one), weights(other)
    assert step == other_step
    jax.tree.map(np.testing.assert_array_equal, state, other_state)


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    """One finished run: (its folder, its config, what it said)."""
    base = tmp_path_factory.mktemp("finished")
    config = small(shapes, base / "data", train__epochs=12, optimizer__learning_rate=5e-3)
    return base / "run", config, experiment.run(config, base / "run")


def test_run_learns_and_leaves_the_whole_folder(finished):
    run, _, said = finished
    results = json.loads((run / "results.json").read_text())
    assert results["test"]["accuracy"] > 0.9 > results["baseline"]["test"]["accuracy"]
    assert f"{100 * results['test']['accuracy']:.1f}" in said
    assert {
        "task",
        "dataset",
        "model",
        "parameters",
        "baseline",
        "train",
        "valid",
        "test",
        "per_class",
        "timing",
        "seed",
    } <= set(results)
    assert {file.name for file in run.iterdir()} >= {
        "config.json",
        "metrics.jsonl",
        "tensorboard",
        "checkpoints",
        "results.json",
        "predictions.csv",
        "figures",
        "report.html",
        "report.md",
    }
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {row["split"] for row in logged} == {"train", "valid"}
    lines = (run / "predictions.csv").read_text().splitlines()
    assert lines[0].split(",")[:4] == ["id", "label", "predicted", "confidence"]


def test_finished_run_does_nothing(finished):
    run, config, _ = finished
    before = {file: file.stat().st_mtime_ns for file in run.rglob("*")}
    assert "nothing to do" in experiment.run(config, run)
    assert {file: file.stat().st_mtime_ns for file in run.rglob("*")} == before


def test_evaluate_finds_the_same_again(finished):
    run, config, _ = finished
    before = json.loads((run / "results.json").read_text())
    (run / "predictions.csv").unlink()
    experiment.evaluate_run(config, run)
    after = json.loads((run / "results.json").read_text())
    assert (run / "predictions.csv").exists()
    assert all(
        before[part] == after[part] for part in ("train", "valid", "test", "per_class", "training")
    )


def test_other_config_is_refused(finished, shapes):
    run, config, _ = finished
    other = config.copy_and_resolve_references()
    other.seed = 1
    with pytest.raises(UserError, match="another config: seed is 0 there and 1 here"):
        experiment.run(other, run)


def test_one_seed_gives_the_same_bits_twice_and_another_seed_others(shapes, tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        experiment.run(
            small(shapes, tmp_path / "data", seed=seed, train__epochs=2, **EVERYTHING),
            tmp_path / name,
        )
    assert_same_weights(tmp_path / "one", tmp_path / "two")
    with pytest.raises(AssertionError):
        assert_same_weights(tmp_path / "one", tmp_path / "three")


def start(pictures: Path, root: Path, run: Path) -> subprocess.Popen:
    """The command line on a run with everything random switched on, long enough to be killed."""
    changes = {**EVERYTHING, "train.checkpoint_seconds": 0.0, "train.epochs": 14}
    config = small(pictures, root, **changes).to_dict()
    flags = []
    for name, value in flatten(config).items():
        if isinstance(value, bool):
            flags.append(f"--{'' if value else 'no'}config.{name}")
        elif name != "data.path":
            flags.append(f"--config.{name}={value}")
    words = [
        sys.executable,
        "-m",
        "gv_jax.main",
        f"--config=configs/folder.py:{pictures}",
        *flags,
        f"--workdir={run}",
    ]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen) -> int:
    """The exit status; what the process said is shown if the test fails."""
    said, errors = process.communicate()
    sys.stdout.write(said + errors)
    return process.returncode


def wait_for_rows(run: Path, count: int, process: subprocess.Popen):
    log = run / "metrics.jsonl"
    while process.poll() is None and (not log.exists() or log.read_text().count("\n") < count):
        time.sleep(0.01)


def test_killed_and_terminated_run_ends_with_the_same_bits(shapes, tmp_path):
    whole = start(shapes, tmp_path / "data", tmp_path / "whole")
    assert ended(whole) == 0
    run = tmp_path / "cut"
    for rows, number, status in (
        (3, signal.SIGKILL, -9),
        (10, signal.SIGTERM, 0),
        (19, signal.SIGKILL, -9),
    ):
        process = start(shapes, tmp_path / "data", run)
        wait_for_rows(run, rows, process)
        os.kill(process.pid, number)
        assert ended(process) == status
        assert not (run / "results.json").exists()
    last = start(shapes, tmp_path / "data", run)
    assert ended(last) == 0
    assert_same_weights(tmp_path / "whole", run)
    one, other = (
        json.loads((folder / "results.json").read_text()) for folder in (tmp_path / "whole", run)
    )
    assert one["test"] == other["test"]


def test_diverging_run_stops_with_advice(shapes, tmp_path):
    config = small(shapes, tmp_path / "data", optimizer__learning_rate=1e30, optimizer__name="sgd")
    with pytest.raises(UserError, match="no longer finite"):
        experiment.run(config, tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()


def test_running_out_of_memory_names_the_batch_size_to_try(shapes, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.")

    monkeypatch.setattr(experiment, "fit", full)
    with pytest.raises(UserError, match=r"--config\.train\.batch_size=8 "):
        experiment.run(small(shapes, tmp_path / "data"), tmp_path / "run")


def test_eighty_epochs_of_ten_steps_and_ten_validation_steps(shapes, tmp_path):
    config = small(
        shapes,
        tmp_path / "data",
        train__epochs=3,
        train__steps_per_epoch=10,
        train__valid_batches=1,
        train__batch_size=4,
    )
    experiment.run(config, tmp_path / "run")
    rows = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [row["step"] for row in rows if row["split"] == "train"] == [10, 20, 30]
