"""A run folder is refused when it is another run's, and its log survives a kill."""

import json

import pytest

from gv_jax.errors import UserError
from gv_jax.training.run_dir import RunDir, flatten_config

CONFIG = {"seed": 0, "train": {"epochs": 3, "decay": (1, 2)}}


def test_same_config_opens_again(tmp_path):
    folder = RunDir(tmp_path / "new" / "run")
    folder.check(CONFIG)
    folder.open(CONFIG)
    folder.check(CONFIG)
    saved = json.loads((folder.path / "config.json").read_text())
    assert saved["config"]["train"]["decay"] == [1, 2]
    assert {"command", "seed", "versions", "git_commit", "device"} <= set(saved)


def test_other_config_is_refused_and_named(tmp_path):
    folder = RunDir(tmp_path)
    folder.open(CONFIG)
    with pytest.raises(UserError, match=r"train\.epochs is 3 there and 4 here"):
        folder.check({**CONFIG, "train": {"epochs": 4, "decay": (1, 2)}})


def test_folder_with_somebody_elses_files_is_refused(tmp_path):
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(UserError, match="holds no run"):
        RunDir(tmp_path).check(CONFIG)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.doc"]


def test_rows_that_a_kill_cut_off_or_that_come_again_are_forgotten(tmp_path):
    folder = RunDir(tmp_path)
    for step in (1, 2, 3):
        folder.log({"step": step, "split": "train", "loss": 1 / step})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "sp')
    assert [row["step"] for row in folder.rows()] == [1, 2, 3]
    folder.rewind(2)
    assert [row["step"] for row in folder.rows()] == [1, 2]
    assert folder.rows()[1]["loss"] == 0.5


def test_results_mark_the_end(tmp_path):
    folder = RunDir(tmp_path)
    assert folder.results is None
    folder.write_results({"task": "classification"})
    assert folder.results == {"task": "classification"}


def test_flat_names_every_leaf():
    assert flatten_config(CONFIG) == {"seed": 0, "train.epochs": 3, "train.decay": (1, 2)}
