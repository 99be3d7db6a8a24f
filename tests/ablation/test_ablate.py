"""A whole small ablation as a person runs it: failures, kills, several workers, table and report."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = '''"""Do wider steps help on shapes?"""

from gv_jax.ablation import ablate

VARIANTS = {
    "plain": {},
    "fast": {"optimizer.learning_rate": 3e-3},
    "broken": {"optimizer.name": "adamm"},
}

if __name__ == "__main__":
    ablate(__file__, __doc__, "configs/folder.py:PICTURES", VARIANTS, reference="plain", seeds=2)
'''
SMALL = (
    "--config.model.name=two_layer",
    "--config.model.stem=",
    "--config.data.size=(16,16)",
    "--config.train.epochs=2",
    "--config.train.batch_size=16",
    "--config.data.valid_fraction=0.25",
    "--config.data.test_fraction=0.25",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory, shapes):
    """A folder with a script, as experiments/ has."""
    folder = tmp_path_factory.mktemp("ablation")
    (folder / "steps.py").write_text(SCRIPT.replace("PICTURES", str(shapes)))
    return folder


def command(place, *arguments):
    words = [f"--results={place}", f"--config.data.root={place / 'root'}", *SMALL, *arguments]
    return [sys.executable, str(place / "steps.py"), *words]


def table(place):
    """variant -> its row of table.csv."""
    rows = csv.DictReader((place / "steps" / "table.csv").read_text().splitlines())
    return {row["variant"]: row for row in rows}


def start(place, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command(place, *arguments),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def done(place):
    """The ablation with its output, two workers at once."""
    return start(place, "--workers=2")


def test_a_variant_that_fails_is_reported_and_the_others_go_on(place, done):
    assert done.returncode == 1, done.stderr
    assert "2 runs failed" in done.stdout
    rows = table(place)
    assert [rows[name]["seeds"] for name in ("plain", "fast", "broken")] == ["2", "2", "0"]
    assert rows["broken"]["failed"] == "2"
    failure = (place / "steps" / "failed" / "broken-seed0.txt").read_text()
    assert "adamm" in failure
    assert "adamw" in failure


def test_table_holds_what_the_runs_found(place, done):
    rows = table(place)
    for name in ("plain", "fast"):
        folders = [place / "steps" / "runs" / name / f"seed{seed}" for seed in (0, 1)]
        found = [
            json.loads((folder / "results.json").read_text())["test"]["accuracy"]
            for folder in folders
        ]
        assert float(rows[name]["test.accuracy"]) == pytest.approx(sum(found) / 2)
        assert [float(value) for value in rows[name]["per_seed"].split()] == found
    gap = float(rows["fast"]["test.accuracy"]) - float(rows["plain"]["test.accuracy"])
    assert float(rows["fast"]["seeds_difference"]) == pytest.approx(gap)
    assert float(rows["fast"]["pictures_difference"]) == pytest.approx(gap)


def test_report_is_one_page_with_every_figure(place, done):
    page = (place / "steps" / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    figures = {file.stem for file in (place / "steps" / "figures").iterdir()}
    assert {
        "scores",
        "differences",
        "classes",
        "curve_valid_accuracy",
        "curve_train_loss",
        "confusion_fast",
    } <= figures
    assert page.count("<img") == len(figures)
    assert "Do wider steps help on shapes?" in page
    assert "broken, seed 0" in page
    assert "floor: majority class" in (place / "steps" / "table.md").read_text()


def test_another_metric_needs_no_other_runs(place, done):
    other = start(place, "--metric=valid.macro_f1")
    assert "runs failed" in other.stdout
    assert "bootstrap of the valid pictures" in other.stdout
    found = json.loads((place / "steps" / "runs" / "fast" / "seed0" / "results.json").read_text())[
        "valid"
    ]["macro_f1"]
    assert table(place)["fast"]["per_seed"].split()[0] == str(found)
    for metric, said in (
        ("valid.accurac", "did you mean 'accuracy'"),
        ("accuracy", "say a split and a name"),
    ):
        refused = start(place, f"--metric={metric}")
        assert refused.returncode == 2
        assert said in refused.stderr
    start(place)


def test_started_again_it_only_runs_what_is_missing(place, done):
    kept = place / "steps" / "runs" / "fast" / "seed1"
    before = (kept / "results.json").stat().st_mtime_ns
    shutil.rmtree(place / "steps" / "runs" / "plain" / "seed1")
    again = start(place, "--workers=1")
    assert again.stdout.count("plain, seed 1: test.accuracy") == 1
    assert "fast, seed" not in again.stdout
    assert (kept / "results.json").stat().st_mtime_ns == before


def test_runs_of_another_configuration_are_not_taken_for_ours(place, done):
    other = start(place, "--config.optimizer.weight_decay=0.1")
    assert other.returncode == 2
    assert "weight_decay" in other.stderr


def test_a_killed_ablation_goes_on(place, done):
    folder = place / "killed"
    arguments = (f"--results={folder}", "--workers=1", "--seeds=1", "--config.train.epochs=40")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command(place, *arguments), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    first = folder / "steps" / "runs" / "plain" / "seed0"
    deadline = time.monotonic() + 120
    while not (first / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) != 0
    assert not (first / "report.html").exists()
    again = start(place, *arguments)
    assert "plain, seed 0: test.accuracy" in again.stdout
    rows = [json.loads(line) for line in (first / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if row["split"] == "valid"] == list(range(1, 41))


def test_a_population_gives_the_same_table(place, done):
    folder = place / "population"
    found = start(place, f"--results={folder}", "--workers=1", "--population")
    assert found.returncode == 1, found.stderr
    assert (
        found.stdout.count("goes on by itself") == 2
    )  # the broken ones, to fail with a line of their own
    ones, others = (
        table(place),
        list(csv.DictReader((folder / "steps" / "table.csv").read_text().splitlines())),
    )
    for row in others:
        assert (row["seeds"], row["failed"]) == (
            ones[row["variant"]]["seeds"],
            ones[row["variant"]]["failed"],
        )
    trained = [
        json.loads(file.read_text())["training"]
        for file in folder.glob("steps/runs/*/*/results.json")
    ]
    assert [training["together"] for training in trained] == [4] * 4


@pytest.mark.parametrize(
    "arguments", [["--population=0"], ["--seeds=0"], ["--confg.seed=1"], ["--config.seed"]]
)
def test_mistakes_on_the_command_line_are_one_line(place, arguments):
    found = start(place, *arguments)
    assert found.returncode == 2
    assert "Traceback" not in found.stderr
