"""Runs of several steps in one compiled call are those of single steps."""

import logging
import signal

import numpy as np
import pytest

from gv_jax import experiment
from gv_jax.cli.train_many import parse_members
from gv_jax.training.run_dir import RunDir
from gv_jax.vectorized import run_members
from tests.runs.runs import make_small_config, read_results
from tests.runs.several_processes import assert_same_results, finish_two
from tests.runs.several_processes import make_command as make_distributed_command
from tests.runs.test_interruption import (
    RANDOM,
    assert_same_state,
    finish_interrupted,
    make_command,
    start,
    wait_for_exit,
)

pytestmark = pytest.mark.slow

FIELDS = {
    **RANDOM,
    "train.batch_size": 6,  # 7 steps per epoch
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.02,
    "optimizer.grad_accum_steps": 2,
    "inference.neighbors": 0,
    "inference.explanations": 0,
}
SEVERAL = {"train.steps_per_call": 3}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The folder of the data set."""
    return tmp_path_factory.mktemp("calls") / "data"


@pytest.fixture(scope="module")
def single(shapes, root):
    """The run directory of single steps."""
    run = root.parent / "single"
    experiment.run(make_small_config(shapes, root, **FIELDS), run)
    return run


def test_a_run_does_not_depend_on_the_steps_per_call(shapes, root, single, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        experiment.run(make_small_config(shapes, root, **FIELDS, **SEVERAL), tmp_path / "run")
    assert not [line for line in caplog.messages if "steps_per_call" in line]
    rows = [row for row in RunDir(single).rows() if row["split"] == "train"]
    assert [row["step"] for row in rows] == [7, 14, 21, 28]
    assert_same_results(tmp_path / "run", single)
    trainings = [read_results(run)["training"] for run in (tmp_path / "run", single)]
    assert trainings[0] == trainings[1]


def test_a_run_whose_images_are_read_trains_step_by_step(shapes, root, tmp_path, caplog):
    for name, fields in (("single", {}), ("several", SEVERAL)):
        fields = {**FIELDS, "train.device_cache_mb": 0, "train.epochs": 2, **fields}
        with caplog.at_level(logging.WARNING):
            experiment.run(make_small_config(shapes, root, **fields), tmp_path / name)
    (line,) = [line for line in caplog.messages if "steps_per_call" in line]
    assert "config.train.device_cache_mb" in line
    assert_same_state(tmp_path / "several", tmp_path / "single")


def test_an_interrupted_run_of_several_steps_per_call_ends_with_the_same_bits(shapes, tmp_path):
    root, whole, run = (tmp_path / name for name in ("data", "whole", "interrupted"))
    fields = {"train.batch_size": 6, **SEVERAL}
    assert wait_for_exit(start(make_command(shapes, root, whole, **fields))) == 0
    command = make_command(shapes, root, run, **fields)
    finish_interrupted(command, run, ((3, signal.SIGKILL, -9), (10, signal.SIGTERM, 130)))
    assert_same_state(whole, run)
    assert read_results(whole)["test"] == read_results(run)["test"]


def test_two_processes_train_step_by_step(shapes, tmp_path):
    fields = {"train.epochs": 2, **SEVERAL}
    for name, changed in (("several", fields), ("single", {**fields, "train.steps_per_call": 1})):
        command = make_distributed_command(shapes, tmp_path, name, **changed)
        first, second = finish_two(command)
        assert (first.status, second.status) == (0, 0), (first, second)
        lines = [line for line in (*first.errors, *second.errors) if "steps_per_call" in line]
        assert len(lines) == (name == "several")
    assert_same_results(tmp_path / "several", tmp_path / "single")


def test_runs_in_one_program_take_several_steps_per_call(shapes, root, tmp_path):
    fields = ("batch_size=6", "epochs=2", "steps_per_call=3")
    shared = (
        f"--config=configs/folder.py:{shapes}",
        f"--config.data.root={root}",
        "--config.model.name=two_layer",
        "--config.data.size=(8,8)",
        "--config.optimizer.name=sgd",
        "--config.optimizer.learning_rate=0.01",
        *(f"--config.train.{field}" for field in fields),
    )
    words = []
    for seed in (0, 1):
        words += ["--and", f"--workdir={tmp_path / str(seed)}", *shared, f"--config.seed={seed}"]
    members = parse_members(words[1:])
    run_members(members)
    alone = members[1].config.copy_and_resolve_references()
    alone.train.steps_per_call = 1
    experiment.run(alone, tmp_path / "alone")
    together, expected = (RunDir(tmp_path / name) for name in ("1", "alone"))
    for row, other in zip(together.rows(), expected.rows(), strict=True):
        assert (row["step"], row["split"]) == (other["step"], other["split"])
        np.testing.assert_allclose(row["loss"], other["loss"], rtol=1e-3)
    assert together.results["training"] == {**expected.results["training"], "runs_in_program": 2}
