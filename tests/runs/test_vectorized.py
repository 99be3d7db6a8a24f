"""Runs that are trained in one program are those that they would be alone."""

import json

import numpy as np
import pytest

from gv_jax import experiment
from gv_jax.cli.train_many import parse_members
from gv_jax.training.run_dir import RunDir
from gv_jax.vectorized import run_members

pytestmark = pytest.mark.slow

SMALL = (
    "--config.model.name=two_layer",
    "--config.data.size=(8,8)",
    "--config.train.epochs=3",
    "--config.train.batch_size=16",
    "--config.optimizer.name=sgd",
    "--config.optimizer.learning_rate=0.01",
)
MEMBERS = {
    "first": (),
    "seed": ("--config.seed=1",),
    "numbers": (
        "--config.optimizer.weight_decay=0.3",
        "--config.model.dropout=0.1",
        "--config.optimizer.learning_rate=1e-3",
    ),
    "smooth": ("--config.augment.label_smoothing=0.4",),
    "undecayed": ("--config.optimizer.weight_decay=0",),
    "diverges": ("--config.optimizer.learning_rate=1e30",),
}


def make_members(folder, shapes, names):
    shared = (f"--config=configs/folder.py:{shapes}", f"--config.data.root={folder.parent}", *SMALL)
    words = []
    for name in names:
        words += ["--and", f"--workdir={folder / name}", *shared, *MEMBERS[name]]
    return parse_members(words[1:])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shapes):
    """The folder of the runs, and name -> the line that a run returned."""
    folder = tmp_path_factory.mktemp("vectorized") / "runs"
    lines = run_members(make_members(folder, shapes, MEMBERS))
    return folder, dict(zip(MEMBERS, lines, strict=True))


def read_losses(run):
    return [row["loss"] for row in RunDir(run).rows()]


@pytest.mark.parametrize("name", ["seed", "numbers", "smooth"])
def test_a_member_is_the_run_that_it_would_be_alone(finished, shapes, tmp_path, name):
    folder, lines = finished
    (member,) = make_members(tmp_path / "runs", shapes, [name])
    experiment.run(member.config, member.workdir)
    np.testing.assert_allclose(read_losses(folder / name), read_losses(member.workdir), rtol=1e-3)
    results, expected = (RunDir(path).results for path in (folder / name, member.workdir))
    assert results["training"] == {**expected["training"], "runs_in_program": 5}
    assert results["test"]["loss"] == pytest.approx(expected["test"]["loss"], rel=1e-3)
    metadata, expected_metadata = (
        json.loads((path / "config.json").read_text()) for path in (folder / name, member.workdir)
    )
    assert metadata["config"]["optimizer"] == expected_metadata["config"]["optimizer"]
    assert f"--workdir={folder / name}" in metadata["command"]
    assert str(folder / name / "report.html") in lines[name]


def test_members_differ(finished):
    folder, _ = finished
    losses = {round(read_losses(folder / name)[-1], 5) for name in MEMBERS if name != "diverges"}
    assert len(losses) == len(MEMBERS) - 1


def test_a_run_with_another_optimizer_state_has_its_own_program(finished):
    folder, _ = finished
    assert "runs_in_program" not in RunDir(folder / "undecayed").results["training"]


def test_a_diverging_run_leaves_the_others(finished):
    folder, lines = finished
    assert "learning_rate" in lines["diverges"]
    assert not RunDir(folder / "diverges").finished


def test_finished_runs_are_left_unchanged(finished, shapes):
    folder, lines = finished
    before = (folder / "seed" / "results.json").stat().st_mtime_ns
    again = run_members(make_members(folder, shapes, ["first", "seed"]))
    assert all(line.endswith(lines[name]) for line, name in zip(again, lines, strict=False))
    assert (folder / "seed" / "results.json").stat().st_mtime_ns == before
