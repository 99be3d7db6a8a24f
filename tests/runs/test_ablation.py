"""Ablations of tiny runs: failures, several engines, kills, several runs in one program."""

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gv_jax.cli.ablate import ablate
from tests.jobs.ray_cluster import TwoNodes, when
from tests.jobs.study import ROOT

pytestmark = [
    pytest.mark.slow,
    # submitit does not wait for its controllers
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]
STUDY = '''"""Do larger steps help on shapes?"""

CONFIG = "configs/folder.py:SHAPES"
VARIANTS = {"plain": {}, "fast": {"optimizer.learning_rate": 3e-3}}
REFERENCE = "plain"
SEEDS = 2
'''
BROKEN = 'VARIANTS["broken"] = {"optimizer.name": "adamm"}\n'
TINY = (
    "--config.model.name=two_layer",
    "--config.model.stem=",
    "--config.data.size=(16,16)",
    "--config.train.epochs=2",
    "--config.train.batch_size=16",
    "--config.data.valid_fraction=0.25",
    "--config.data.test_fraction=0.25",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shapes):
    """Contains the study files steps.py and broken.py."""
    folder = tmp_path_factory.mktemp("ablation")
    study = STUDY.replace("SHAPES", str(shapes))
    (folder / "steps.py").write_text(study)
    (folder / "broken.py").write_text(study + BROKEN)
    return folder


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.chdir(ROOT)


def make_words(folder, study, results, *words):
    paths = (f"--results={folder / results}", f"--config.data.root={folder / 'root'}")
    return [str(folder / f"{study}.py"), *paths, *TINY, *words]


def run(folder, study, results, *words):
    """Runs the command in this process; returns its exit status and output."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = ablate(make_words(folder, study, results, *words))
    return status, output.getvalue()


def start(folder, study, results, *words):
    """Starts the command as a process."""
    command = [sys.executable, "-m", "gv_jax", "ablate"]
    command += make_words(folder, study, results, *words)
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def read_outcomes(study_folder):
    """Run -> metrics of results.json and the text of predictions.csv."""
    outcomes = {}
    for file in study_folder.glob("runs/*/*/results.json"):
        results = json.loads(file.read_text())
        metrics = {name: results[name] for name in ("train", "valid", "test", "confusion")}
        name = file.parent.relative_to(study_folder).as_posix()
        outcomes[name] = metrics, file.with_name("predictions.csv").read_text()
    return outcomes


@pytest.fixture(scope="module")
def finished(folder, shapes):
    """The output of a study with a failing variant, executed by two processes at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.chdir(ROOT)
        return run(folder, "broken", "local", "--workers=2")


def test_a_failing_variant_is_reported_and_the_others_continue(folder, finished):
    status, output = finished
    assert status == 1
    study = folder / "local" / "broken"
    rows = {row["variant"]: row for row in csv.DictReader((study / "table.csv").open())}
    assert [rows[name]["seeds"] for name in ("plain", "fast", "broken")] == ["2", "2", "0"]
    assert rows["broken"]["failed"] == "2"
    failure = (study / "logs" / "broken-seed0.failed").read_text()
    assert "config.optimizer.name" in failure
    assert "'adamm'" in failure
    assert output.count("plain, seed") == 4  # started, and finished
    for seed, value in enumerate(rows["fast"]["per_seed"].split()):
        results = json.loads((study / f"runs/fast/seed{seed}/results.json").read_text())
        assert float(value) == results["test"]["accuracy"]


def test_started_again_it_executes_only_what_is_missing(folder, finished):
    study = folder / "local" / "broken"
    before = read_outcomes(study)
    shutil.rmtree(study / "runs" / "plain" / "seed1")
    # One core per run, as before: the number of threads changes the rounding of sums.
    status, output = run(folder, "broken", "local", "--workers=2")
    assert status == 1
    assert output.count("plain, seed 1: test.accuracy") == 1
    assert "fast, seed" not in output
    assert read_outcomes(study) == before


def test_runs_in_one_program_leave_the_same_table(folder, finished):
    status, output = run(folder, "broken", "population", "--workers=1", "--population")
    assert status == 1
    broken = [line for line in output.splitlines() if "broken, seed" in line]
    assert sum(line.endswith("started") for line in broken) == 4  # in one program, then each alone
    assert len(broken) == 8  # with its own error
    tables = [
        list(csv.DictReader((folder / results / "broken" / "table.csv").open()))
        for results in ("local", "population")
    ]
    columns = ("variant", "seeds", "failed")
    counts = [[[row[name] for name in columns] for row in table] for table in tables]
    assert counts[0] == counts[1]
    files = list(folder.glob("population/broken/runs/*/*/results.json"))
    sizes = [json.loads(file.read_text())["training"]["runs_in_program"] for file in files]
    assert sizes == [4] * 4


def test_a_killed_study_continues_on_another_engine(folder):
    pytest.importorskip("submitit")
    words = ("--seeds=1", "--config.train.epochs=30")
    driver = start(folder, "steps", "killed", *words, "--workers=1")
    study = folder / "killed" / "steps"
    first = study / "runs" / "plain" / "seed0"
    wait_for((first / "metrics.jsonl").exists)
    driver.send_signal(signal.SIGKILL)  # its run continues, and is not executed again
    driver.wait()
    slurm = ("--engine=slurm", "--slurm=cluster=local", "--slurm=time=10")
    status, output = run(folder, "steps", "killed", *words, *slurm)
    assert status == 0
    assert "fast, seed 0: test.accuracy" in output
    rows = [json.loads(line) for line in (first / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if row["split"] == "valid"] == list(range(1, 31))
    starts = [file.read_text().count("Report: ") for file in (study / "logs").glob("*.log")]
    assert starts == [1, 1]


def test_runs_resume_with_ray_when_a_node_dies(folder):
    pytest.importorskip("ray")
    epochs = 400
    words = ("--seeds=1", f"--config.train.epochs={epochs}")
    # One core per run, as on Ray: the number of threads changes the rounding of sums.
    assert run(folder, "steps", "alone", *words, "--workers=2")[0] == 0
    study = folder / "ray" / "steps"
    killed, unfinished = [], []
    with TwoNodes() as nodes:

        def kill() -> None:
            killed.extend(command for command in nodes.kill_second() if "gv_jax.main" in command)
            unfinished.extend(
                name
                for name in ("plain", "fast")
                if not (study / f"runs/{name}/seed0/results.json").exists()
            )

        def both() -> bool:
            """Whether both runs have logged an epoch."""
            logs = list(study.glob("runs/*/*/metrics.jsonl"))
            return len(logs) == 2 and all(log.stat().st_size for log in logs)

        thread = when(both, kill)  # one run on each node
        status, _ = run(
            folder, "steps", "ray", *words, "--engine=ray", f"--address={nodes.address}"
        )
        thread.join()
    assert status == 0
    [command] = killed  # mid-training
    name = "plain" if "/plain/" in command else "fast"
    assert name in unfinished
    log = (study / "logs" / f"{name}-seed0.log").read_text()
    assert log.count("[00:00<?") == 2  # progress bars: it was started again
    rows = (study / f"runs/{name}/seed0/metrics.jsonl").read_text().splitlines()
    valid = [row["epoch"] for row in map(json.loads, rows) if row["split"] == "valid"]
    assert valid == list(range(1, epochs + 1))
    outcomes = read_outcomes(study)
    assert len(outcomes) == 2
    assert outcomes == read_outcomes(folder / "alone" / "steps")
