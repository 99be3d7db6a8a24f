"""Runs of processes: bits that do not depend on interruptions, one process per run."""

import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from gv_jax import experiment
from gv_jax.errors import UserError
from tests.runs.runs import make_small_config, read_checkpoint, read_results

pytestmark = pytest.mark.slow

RANDOM = {  # every part of a run that draws random numbers, or keeps state
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


def assert_same_state(run, other):
    (step, state), (other_step, other_state) = (
        read_checkpoint(path, "state") for path in (run, other)
    )
    assert step == other_step
    jax.tree.map(np.testing.assert_array_equal, state, other_state)


def make_command(shapes, root, run, **fields):
    """`gv-jax train` on a run that is long enough to be interrupted."""
    fields = {**RANDOM, "train.checkpoint_seconds": 0.0, "train.epochs": 14, **fields}
    config = make_small_config(shapes, root, **fields).to_dict()
    options = [
        f"--config.{name}={value}"
        for name, value in flatten_dict(config, sep=".").items()
        if name != "data.path"
    ]
    file = f"--config=configs/folder.py:{shapes}"
    return [sys.executable, "-m", "gv_jax.main", file, *options, f"--workdir={run}"]


def start(command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_exit(process):
    """The exit status; pytest shows the output of the process if the test fails."""
    out, err = process.communicate()
    sys.stdout.write(out + err)
    return process.returncode


def wait_for_rows(run, count, process):
    log = run / "metrics.jsonl"
    while process.poll() is None and (not log.exists() or log.read_text().count("\n") < count):
        time.sleep(0.01)


def finish_interrupted(command, run, interruptions):
    """Starts `command` anew after every (rows logged, signal, expected status), then to the end."""
    for rows, number, status in interruptions:
        process = start(command)
        wait_for_rows(run, rows, process)
        os.kill(process.pid, number)
        assert wait_for_exit(process) == status
        assert not (run / "results.json").exists()
    assert wait_for_exit(start(command)) == 0


def test_an_interrupted_run_ends_with_the_same_bits(shapes, tmp_path):
    root, whole, run = (tmp_path / name for name in ("data", "whole", "interrupted"))
    assert wait_for_exit(start(make_command(shapes, root, whole))) == 0
    command = make_command(shapes, root, run)
    interruptions = ((3, signal.SIGKILL, -9), (10, signal.SIGTERM, 130), (19, signal.SIGKILL, -9))
    finish_interrupted(command, run, interruptions)
    assert_same_state(whole, run)
    assert read_results(whole)["test"] == read_results(run)["test"]


def test_a_second_process_is_refused(shapes, tmp_path):
    command = make_command(shapes, tmp_path / "data", tmp_path / "run")
    with start(command) as process:
        wait_for_rows(tmp_path / "run", 1, process)
        second = subprocess.run(command, capture_output=True, text=True)
        assert process.poll() is None
        process.kill()
    assert second.returncode == 2
    assert second.stdout.count("\n") == 1  # the recipe
    assert second.stderr.count("\n") == 1
    assert f"process {process.pid} " in second.stderr
    assert str(tmp_path / "run") in second.stderr


def test_bits_depend_on_the_seed_only(shapes, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        fields = {"seed": seed, "train.epochs": 2, **RANDOM}
        experiment.run(make_small_config(shapes, tmp_path / "data", **fields), tmp_path / name)
    assert_same_state(tmp_path / "a", tmp_path / "b")
    with pytest.raises(AssertionError):
        assert_same_state(tmp_path / "a", tmp_path / "c")


def test_a_diverging_run_stops_and_names_the_learning_rate(shapes, tmp_path):
    fields = {"optimizer.learning_rate": 1e30, "optimizer.name": "sgd"}
    with pytest.raises(UserError, match=r"config\.optimizer\.learning_rate"):
        experiment.run(make_small_config(shapes, tmp_path / "data", **fields), tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()
