"""Searches whose runs are stand-ins that log epochs and write results: who does what, once, after kills too."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest

from gv_jax.errors import UserError
from gv_jax.search import report
from gv_jax.search.space import Categorical, Float
from gv_jax.search.trials import Search
from gv_jax.search.worker import run_trials

ROOT = Path(__file__).parents[2]
RUN = """
import json, signal, sys, time
from pathlib import Path
folder = Path(sys.argv[1]); fields = json.loads(sys.argv[2]); pause = float(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with open(sys.argv[4], "a") as file:
    file.write(f"{folder.parent.name}/{folder.name}\\n")
if fields.get("a") == 99:
    sys.exit("gv_jax: 99 is too much")
score = 1 - (fields["a"] - 3) ** 2 / 100 - 0.02 * fields.get("data.fold", 0)
log = folder / "metrics.jsonl"
done = len(log.read_text().splitlines()) if log.exists() else 0
for epoch in range(done + 1, 9):
    time.sleep(pause)
    with log.open("a") as file:
        file.write(json.dumps({"step": epoch, "epoch": epoch, "split": "valid", "accuracy": score * epoch / 8}) + "\\n")
(folder / "results.json").write_text(json.dumps({"valid": {"accuracy": score}}))
(folder / "report.html").write_text("done")
"""
WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.search.test_search import searched
from gv_jax.search.worker import work
if __name__ == "__main__":
    sys.exit(0 if work(searched(Path(sys.argv[2]), pause=float(sys.argv[3])), workers=1) else 130)
"""
GRID = {"a": Categorical((1, 2, 3, 4))}


class StandIn(Search):
    """A search whose runs are RUN."""

    pause = 0.0

    def run(self, number, values, fold):
        made = super().run(number, values, fold)
        words = [
            sys.executable,
            "-c",
            RUN,
            str(made.path),
            json.dumps(dict(made.fields)),
            str(self.pause),
        ]
        command = [*words, str(self.folder / "starts.txt")]
        return type("Run", (type(made),), {"command": command})(made.path, made.fields, made.search)


def searched(folder, pause=0.0, **changes):
    usual = {
        "config": "configs/quickstart.py", "space": GRID, "method": "grid", "count": 6, "folds": 0,
        "metric": "valid.accuracy", "folder": folder / "search", "prune": False,
    }  # fmt: skip
    made = StandIn(**{**usual, **changes})
    object.__setattr__(made, "pause", pause)
    return made


def rows(search):
    return list(csv.DictReader((search.folder / "table.csv").read_text().splitlines()))


def starts(search):
    return Counter((search.folder / "starts.txt").read_text().split())


def test_grid_over_folds_tries_everything_once_and_finds_the_best(tmp_path):
    search = searched(tmp_path, folds=2)
    assert run_trials(search, workers=2)
    assert starts(search) == {
        f"{trial:05d}/fold{fold}": 1 for trial in range(4) for fold in range(2)
    }
    said = report.write_search_report(search, search.open())
    assert "--config.a=3" in said
    assert "data.fold" not in said
    best = rows(search)[0]
    assert best["a"] == "3"
    assert float(best["valid.accuracy"]) == pytest.approx(0.99)
    assert float(best["deviation"]) == pytest.approx(0.02 / 2**0.5)
    page = (search.folder / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert page.count("<img") == 2
    assert run_trials(search, workers=1)
    assert sum(starts(search).values()) == 8


def test_a_grid_is_drawn_over_the_two_fields_that_vary_alone(tmp_path):
    space = {"a": Categorical((2, 3, 99)), "b": Categorical((1, 2)), "c": Categorical(("fixed",))}
    search = searched(tmp_path, space=space)
    assert run_trials(search, workers=2)
    report.write_search_report(search, search.open())
    assert {file.stem for file in (search.folder / "figures").iterdir()} == {
        "history",
        "plane",
        "field_a",
        "field_b",
    }


def test_two_processes_do_each_trial_once_and_a_killed_one_is_replaced(tmp_path):
    words = [sys.executable, "-c", WORKER, str(ROOT), str(tmp_path), "0.15"]
    first, second = (subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(2))
    search = searched(tmp_path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        file = search.folder / "starts.txt"
        if file.exists() and len(file.read_text().split()) >= 2:
            break
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    assert second.wait(timeout=90) == 0
    first.wait()
    study = search.open()
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4
    assert sorted(trial.params["a"] for trial in study.trials) == ["1", "2", "3", "4"]
    found = starts(search)
    assert set(found) == {f"{trial:05d}/run" for trial in range(4)}
    assert (
        sum(found.values()) <= 5
    )  # that of the killed worker is begun again, or was let run to its end
    for trial in range(4):
        log = (
            (search.folder / "trials" / f"{trial:05d}" / "run" / "metrics.jsonl")
            .read_text()
            .splitlines()
        )
        assert [json.loads(line)["epoch"] for line in log] == list(range(1, 9))


def test_stopped_search_goes_on_with_the_same_trial(tmp_path):
    words = [sys.executable, "-c", WORKER, str(ROOT), str(tmp_path), "0.2"]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    search = searched(tmp_path)
    log = search.folder / "trials" / "00000" / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 130
    assert search.open().trials[0].state.name == "RUNNING"
    assert run_trials(search, workers=2)
    assert [trial.state.name for trial in search.open().trials] == ["COMPLETE"] * 4
    assert starts(search)["00000/run"] == 2


def test_a_failing_trial_is_told_and_the_others_go_on(tmp_path):
    search = searched(tmp_path, space={"a": Categorical((99, 3))})
    assert run_trials(search, workers=1)
    said = report.write_search_report(search, search.open())
    assert "failed" in said
    assert "99 is too much" in (search.folder / "table.csv").read_text()
    nothing = searched(tmp_path / "other", space={"a": Categorical((99,))})
    run_trials(nothing, workers=1)
    with pytest.raises(UserError, match="no trial came to its end: 99 is too much"):
        report.write_search_report(nothing, nothing.open())


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_drawn_trials_differ_and_one_seed_draws_the_same(tmp_path, method):
    found = []
    for name in ("one", "two"):
        search = searched(tmp_path / name, space={"a": Float(0.0, 6.0)}, method=method, count=3)
        assert run_trials(search, workers=1)
        found.append([trial.params["a"] for trial in search.open().trials])
    assert found[0] == found[1]
    assert len(set(found[0])) == 3


def test_worse_trials_are_cut_short(tmp_path):
    space = {"a": Categorical((3, 3.1, 3.2, 2.9, 2.8, 12))}
    search = searched(tmp_path, space=space, prune=True, pause=0.15)
    assert run_trials(search, workers=1)
    states = [trial.state for trial in search.open().trials]
    assert states == [optuna.trial.TrialState.COMPLETE] * 5 + [optuna.trial.TrialState.PRUNED]
    said = report.write_search_report(search, search.open())
    assert "cut short" in said


def test_another_search_in_the_folder_is_refused(tmp_path):
    searched(tmp_path).open()
    with pytest.raises(UserError, match="holds a search with another folds"):
        searched(tmp_path, folds=3).open()
