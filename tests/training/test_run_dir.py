"""A run directory is refused if it holds something else; its log survives an interruption."""

import json

import jax
import pytest

from gv_jax.data.record import DataRecord, RecordedSplit
from gv_jax.errors import UserError
from gv_jax.training.run_dir import FORMAT_VERSION, RunDir, flatten_config

CONFIG = {"seed": 0, "train": {"epochs": 3, "decay": (1, 2)}}
IMAGES = RecordedSplit(("a/0.png", "b/0.png"), ("00", "01"), ((0,), (1,)))
RECORD = DataRecord("image_folder", ("a", "b"), {}, {"train": IMAGES}, {"task": "classification"})


def test_the_same_config_opens_again(tmp_path):
    run_dir = RunDir(tmp_path / "new" / "run")
    run_dir.check_same_config(CONFIG)
    run_dir.open(CONFIG, RECORD, ["--config=a.py"])
    run_dir.check_same_config(CONFIG)
    content = json.loads((run_dir.path / "config.json").read_text())
    assert content["config"]["train"]["decay"] == [1, 2]
    assert content["format_version"] == FORMAT_VERSION
    assert content["command"] == ["gv-jax", "train", "--config=a.py"]
    assert {"seed", "versions", "git_commit", "device"} <= set(content)
    assert content["device"] == f"{jax.device_count()} x cpu"
    assert run_dir.data_record == RECORD


def test_the_initial_weights_are_recorded_where_there_are_any(tmp_path):
    weights = {"source": "hub:timm/a.b", "license": "mit"}
    for name, value in {"one": weights, "two": {}}.items():
        RunDir(tmp_path / name).open(CONFIG, RECORD, weights=value)
    assert RunDir(tmp_path / "one").metadata["weights"] == weights
    assert "weights" not in RunDir(tmp_path / "two").metadata


@pytest.mark.parametrize("content", ["", '{"name": "image_folder"}', "[]"])
def test_a_damaged_record_is_one_line(tmp_path, content):
    run_dir = RunDir(tmp_path)
    run_dir.open(CONFIG, RECORD)
    (tmp_path / "data.json").write_text(content)
    with pytest.raises(UserError, match=r"data\.json") as error:
        assert run_dir.data_record
    assert "\n" not in str(error.value)


def test_a_run_without_its_record_is_rejected(tmp_path):
    """Another split would make training images test images."""
    run_dir = RunDir(tmp_path)
    assert run_dir.data_record is None
    run_dir.open(CONFIG, RECORD)
    (tmp_path / "data.json").unlink()
    with pytest.raises(UserError, match=r"data\.json"):
        assert run_dir.data_record


def test_data_may_be_moved(tmp_path):
    """data.json says which images a run has, so the folder that they are in does not matter."""
    run_dir = RunDir(tmp_path)
    run_dir.open({**CONFIG, "data": {"path": "a", "root": "b", "size": 8}}, RECORD)
    run_dir.check_same_config({**CONFIG, "data": {"path": "c", "root": "d", "size": 8}})
    with pytest.raises(UserError, match=r"data\.size"):
        run_dir.check_same_config({**CONFIG, "data": {"path": "c", "root": "d", "size": 9}})


def test_the_recorded_command_can_be_run_again(tmp_path):
    """`gv-jax train` and `python -m gv_jax.main` see different arguments of one process."""
    for number, words in enumerate((["train", "--config=a.py"], ["--config=a.py"])):
        run_dir = RunDir(tmp_path / str(number))
        run_dir.open(CONFIG, RECORD, words)
        assert run_dir.metadata["command"] == ["gv-jax", "train", "--config=a.py"]


def test_another_config_is_refused(tmp_path):
    run_dir = RunDir(tmp_path)
    run_dir.open(CONFIG, RECORD)
    with pytest.raises(UserError, match=r"train\.epochs.* 3 .* 4 .*--workdir"):
        run_dir.check_same_config({**CONFIG, "train": {"epochs": 4, "decay": (1, 2)}})


def test_a_field_that_is_newer_than_the_run_has_its_default(tmp_path):
    run_dir = RunDir(tmp_path)
    run_dir.open(CONFIG, RECORD)
    newer = {**CONFIG, "model": {"width": 8}}
    run_dir.check_same_config(newer, defaults=newer)
    with pytest.raises(UserError, match=r"model\.width.* 8 .* 9 "):
        run_dir.check_same_config({**CONFIG, "model": {"width": 9}}, defaults=newer)


@pytest.mark.parametrize("version", [None, 1, FORMAT_VERSION + 1])
def test_another_format_is_refused(tmp_path, version):
    run_dir = RunDir(tmp_path)
    run_dir.open(CONFIG, RECORD)
    content = json.loads((tmp_path / "config.json").read_text())
    content |= {"format_version": version}
    if version is None:
        del content["format_version"]
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"format_version {version or 1}.*--workdir") as error:
        run_dir.check_same_config(CONFIG)
    assert "\n" not in str(error.value)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.doc").write_text("text")
    with pytest.raises(UserError, match=rf"{tmp_path}.*--workdir"):
        RunDir(tmp_path).check_same_config(CONFIG)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_folder_with_a_lease_only_is_new(tmp_path):
    (tmp_path / "lease").write_text("")
    (tmp_path / "lease.lock").write_text("")
    RunDir(tmp_path).check_same_config(CONFIG)


def test_log_rows_that_are_truncated_or_repeated_are_removed(tmp_path):
    run_dir = RunDir(tmp_path)
    for step in (1, 2, 3):
        run_dir.log({"step": step, "split": "train", "loss": 1 / step})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "sp')
    assert [row["step"] for row in run_dir.rows()] == [1, 2, 3]
    run_dir.truncate_log(2)
    assert [row["step"] for row in run_dir.rows()] == [1, 2]
    assert run_dir.rows()[1]["loss"] == 0.5


def test_metrics_at_epochs_join_the_splits(tmp_path):
    run_dir = RunDir(tmp_path)
    for epoch in (1, 2):
        row = {"step": 5 * epoch, "epoch": epoch, "split": "train", "loss": 1.0 / epoch}
        run_dir.log({**row, "learning_rate": 0.1, "images_per_second": 9.0})
        run_dir.log({"step": 5 * epoch, "epoch": epoch, "split": "valid", "loss": 2.0 / epoch})
    assert run_dir.metrics_at([7, 2]) == [{"epoch": 2, "train_loss": 0.5, "valid_loss": 1.0}]


def test_results_are_read_back(tmp_path):
    run_dir = RunDir(tmp_path)
    assert run_dir.results is None
    run_dir.write_results({"task": "classification"})
    assert run_dir.results == {"task": "classification"}


def test_flatten_config_names_every_leaf():
    config = {**CONFIG, "empty": {}, "none": None}
    assert flatten_config(config) == {
        "seed": 0,
        "train.epochs": 3,
        "train.decay": (1, 2),
        "none": None,
    }
