"""A run directory that was copied by half gives one line."""

import jax
import numpy as np
import pytest

from gv_jax.data.record import DataRecord, RecordedSplit
from gv_jax.errors import UserError
from gv_jax.inference.finished_run import load_finished_run
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import TrainState

IMAGES = RecordedSplit(("a/0.png", "b/0.png"), ("00", "01"), ((0,), (1,)))
RECORD = DataRecord("image_folder", ("a", "b"), {}, {"train": IMAGES}, {"task": "colorization"})
RESULTS = {"task": "colorization", "model": "alpha"}


@pytest.fixture
def run_dir(tmp_path):
    """A finished run without weights."""
    run = RunDir(tmp_path / "run")
    run.open({"seed": 0, "train": {"epochs": 3}}, RECORD)
    run.log({"step": 1, "epoch": 1, "split": "train", "loss": 1.0})
    run.write_results(RESULTS)
    (run.path / "report.html").write_text("finished")
    return run


def one_line(caught, *names):
    text = str(caught.value)
    assert "\n" not in text
    assert all(str(name) in text for name in names)


@pytest.mark.parametrize("content", [b"", b'{"config": {"se', b"\xff\xfe", b"[]", b"null"])
@pytest.mark.parametrize("name", ["config.json", "results.json"])
def test_a_damaged_file_is_named(run_dir, name, content):
    (run_dir.path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_finished_run(run_dir.path, "colorization")
    one_line(caught, name)


def test_a_missing_configuration_is_named(run_dir):
    (run_dir.path / "config.json").unlink()
    with pytest.raises(UserError) as caught:
        load_finished_run(run_dir.path, "colorization")
    one_line(caught, "config.json", run_dir.path)


@pytest.mark.parametrize("line", [b'{"step": 2, "ep', b"12\n", b'"text"\n'])
def test_a_truncated_log_is_read_up_to_there(run_dir, line):
    with (run_dir.path / "metrics.jsonl").open("ab") as log:
        log.write(line)
    assert [row["step"] for row in run_dir.rows()] == [1]


def make_state():
    params = {"head": {"kernel": jax.numpy.ones((3, 2)), "bias": jax.numpy.zeros(2)}}
    return TrainState(jax.numpy.int32(0), params, {}, (), {})


def save(folder):
    state = make_state()
    best = {"params": jax.tree.map(np.asarray, state.params), "batch_stats": {}}
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(1, state, best, {"step": 1})
    return state


def test_missing_checkpoints_are_one_line(tmp_path):
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(UserError) as caught:
        checkpoints.restore(make_state())
    one_line(caught, tmp_path)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of TensorStore
def test_checkpoints_of_which_any_file_is_missing_or_cut_are_restored_or_one_line(tmp_path):
    state = save(tmp_path / "whole")
    files = sorted(file for file in (tmp_path / "whole").rglob("*") if file.is_file())
    errors = []
    for file in files:
        content = file.read_bytes()
        for damaged in (None, content[: len(content) // 2]):
            file.unlink() if damaged is None else file.write_bytes(damaged)
            errors.append(find_error(tmp_path / "whole", state))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    assert any(errors)
    assert all("whole" in error and "\n" not in error for error in errors if error)


def find_error(folder, state):
    """The UserError of restoring a checkpoint; "" without one."""
    try:
        with Checkpoints(folder) as checkpoints:
            checkpoints.restore(state)
    except UserError as error:
        return str(error)
    return ""
