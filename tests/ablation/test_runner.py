"""Runs of an ablation are announced when they start and when they end."""

import json
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from gv_jax.ablation.runner import run_missing
from gv_jax.ablation.study import Ablation
from gv_jax.jobs import UNLIMITED, Job, Outcome, Status


@dataclass
class InstantRun:
    """A run that has finished with accuracy 0.5 when it is asked."""

    job: Job

    def poll(self):
        for folder in self.job.run_dirs:
            folder.mkdir(parents=True)
            (folder / "results.json").write_text(json.dumps({"test": {"accuracy": 0.5}}))
            (folder / "report.html").touch()
        return Outcome(Status.FINISHED)

    def stop(self):
        raise AssertionError


class InstantEngine:
    def __init__(self, free_slots):
        self.free_slots = free_slots

    def start(self, jobs):
        return [InstantRun(job) for job in jobs]


@pytest.mark.parametrize(
    ("slots", "population", "event", "starts"),
    [
        (1, 1, "started", ["[0/2] plain", "[1/2] wide"]),
        (2, 1, "started", ["[0/2] plain", "[0/2] wide"]),
        (1, 2, "started", ["[0/2] plain", "[0/2] wide"]),  # one job of both
        (UNLIMITED, 1, "queued", ["[0/2] plain", "[0/2] wide"]),
    ],
)
def test_every_run_has_a_line_at_its_start_and_end(
    tmp_path, monkeypatch, slots, population, event, starts
):
    monkeypatch.setattr("gv_jax.jobs.driver.POLL_S", 0)
    monkeypatch.setattr("gv_jax.jobs.driver.IDLE_POLL_S", 0)
    vectorized = SimpleNamespace(VMAPPED_FIELDS=("optimizer.learning_rate",))
    monkeypatch.setitem(sys.modules, "gv_jax.vectorized", vectorized)  # which is slow to import
    variants = {"plain": {}, "wide": {"optimizer.learning_rate": 0.5}}
    study = Ablation("steps", "?", "configs/folder.py", variants, {}, 1, tmp_path)
    lines = []
    assert run_missing(study, InstantEngine(slots), population, lines.append)
    assert [line for line in lines if event in line] == [
        f"{start}, seed 0: {event}" for start in starts
    ]
    assert sum("test.accuracy 0.5" in line for line in lines) == 2
    assert len(lines) == 4
