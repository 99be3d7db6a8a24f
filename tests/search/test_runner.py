"""Searches on this machine: each run is executed once, also after kills."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import optuna
import pytest

from gv_jax.errors import UserError
from gv_jax.jobs.local import LocalEngine
from gv_jax.search import report
from gv_jax.search.runner import run_trials
from gv_jax.search.space import Categorical, Float
from tests.search.stub import DRIVER, ROOT, count_starts, make_search, read_rows

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def python_path(monkeypatch):
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))  # for the processes


def start_driver(folder, pause):
    words = [sys.executable, "-c", DRIVER, str(ROOT), str(folder), str(pause)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_grid_over_folds_runs_every_point_once(tmp_path):
    search = make_search(tmp_path, folds=2)
    lines = []
    assert run_trials(search, LocalEngine(2), echo=lines.append)
    assert sum("started" in line for line in lines) == 4
    assert len(lines) == 8  # a line at the start and at the end of every trial
    assert list((search.folder / "scheduler.lock").iterdir()) == []  # released
    runs = {f"{trial:05d}/fold{fold}": 1 for trial in range(4) for fold in range(2)}
    assert count_starts(search) == runs
    text = report.write_search_report(search, search.open())
    assert "--config.a=3" in text
    assert "data.fold" not in text
    best = read_rows(search)[0]
    assert best["a"] == "3"
    assert float(best["valid.accuracy"]) == pytest.approx(0.99)
    assert float(best["std"]) == pytest.approx(0.02 / 2**0.5)
    page = search.report.read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert page.count("<img") == 2
    assert run_trials(search, LocalEngine(1))
    assert count_starts(search) == runs


def test_a_heatmap_has_the_two_fields_that_vary(tmp_path):
    space = {"a": Categorical((2, 3, 99)), "b": Categorical((1, 2)), "c": Categorical(("fixed",))}
    search = make_search(tmp_path, space=space)
    assert run_trials(search, LocalEngine(2))
    report.write_search_report(search, search.open())
    figures = {file.stem for file in (search.folder / "figures").iterdir()}
    assert figures == {"history", "heatmap", "field_a", "field_b"}


def test_two_drivers_share_the_trials_and_a_killed_one_is_replaced(tmp_path):
    first, second = start_driver(tmp_path, 0.15), start_driver(tmp_path, 0.15)
    search = make_search(tmp_path)
    starts = search.folder / "starts.txt"
    wait_for(lambda: starts.exists() and len(starts.read_text().split()) >= 2)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert second.wait(timeout=120) == 0
    study = search.open()
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4
    assert sorted(trial.params["a"] for trial in study.trials) == ["1", "2", "3", "4"]
    # The process of the killed driver finishes its run, for which the other driver waits.
    assert count_starts(search) == {f"{trial:05d}/run": 1 for trial in range(4)}
    for trial in range(4):
        log = search.trial_dir(trial) / "run" / "metrics.jsonl"
        epochs = [json.loads(line)["epoch"] for line in log.read_text().splitlines()]
        assert epochs == list(range(1, 9))


def test_a_stopped_search_resumes_its_trial(tmp_path):
    driver = start_driver(tmp_path, 0.2)
    search = make_search(tmp_path)
    log = search.trial_dir(0) / "run" / "metrics.jsonl"
    wait_for(log.exists)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=60) == 130
    assert search.open().trials[0].state.name == "RUNNING"
    assert run_trials(search, LocalEngine(2))
    assert [trial.state.name for trial in search.open().trials] == ["COMPLETE"] * 4
    assert count_starts(search)["00000/run"] == 2


def test_a_failed_trial_is_reported_and_the_others_continue(tmp_path):
    search = make_search(tmp_path, space={"a": Categorical((99, 3))})
    assert run_trials(search, LocalEngine(1))
    report.write_search_report(search, search.open())
    rows = {row["a"]: row for row in read_rows(search)}
    assert (rows["99"]["status"], rows["99"]["error"]) == ("failed", "a=99 is out of range")
    assert rows["3"]["status"] == ""
    failing = make_search(tmp_path / "other", space={"a": Categorical((99,))})
    run_trials(failing, LocalEngine(1))
    with pytest.raises(UserError, match="a=99 is out of range"):
        report.write_search_report(failing, failing.open())


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_equal_seeds_draw_equal_trials(tmp_path, method):
    values = []
    for name in ("one", "two"):
        search = make_search(
            tmp_path / name, space={"a": Float(0.0, 6.0)}, method=method, n_trials=3
        )
        assert run_trials(search, LocalEngine(1))
        values.append([trial.params["a"] for trial in search.open().trials])
    assert values[0] == values[1]
    assert len(set(values[0])) == 3


def test_worse_trials_are_pruned(tmp_path):
    space = {"a": Categorical((3, 3.1, 3.2, 2.9, 2.8, 12))}
    search = make_search(tmp_path, space=space, prune=True, pause=0.3)
    assert run_trials(search, LocalEngine(1))
    states = [trial.state for trial in search.open().trials]
    assert states == [optuna.trial.TrialState.COMPLETE] * 5 + [optuna.trial.TrialState.PRUNED]
    report.write_search_report(search, search.open())
    assert read_rows(search)[-1]["status"] == "pruned"
