"""Jobs through submitit, with its local executor instead of SLURM."""

import os
import signal
import time

import pytest

from gv_jax.errors import UserError
from gv_jax.jobs.driver import run_jobs
from gv_jax.jobs.job import Status
from gv_jax.jobs.slurm import SlurmEngine
from tests.jobs.study import expected_state

pytest.importorskip("submitit")
pytestmark = [
    pytest.mark.slow,
    # submitit does not wait for its controllers
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]


def test_jobs_finish_or_fail(study):
    names = ["a", "b", "broken"]
    jobs = study.make_jobs(names)
    outcomes = run_jobs(jobs, SlurmEngine(study.folder / "slurm", cluster="local"))
    assert [outcomes[name].status for name in names] == [
        Status.FINISHED,
        Status.FINISHED,
        Status.FAILED,
    ]
    assert outcomes["broken"].message == "it is broken"
    assert study.count_lines("executions.txt") == {"a": 1, "b": 1}
    assert study.read_result("b") == expected_state("b", 3)


def test_a_preempted_run_is_saved_and_requeued(study):
    jobs = study.make_jobs(["a"], steps=60, pause=0.05)
    engine = SlurmEngine(study.folder / "slurm", cluster="local")
    [run] = engine.start(jobs)
    state = study.folder / "runs" / "a" / "state.txt"
    deadline = time.monotonic() + 30
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    # submitit's own method signals its controller, which does not forward this signal
    [task] = children_of(run._handle._process.pid)
    os.kill(task, signal.SIGUSR2)
    while (outcome := run.poll()) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert outcome.status is Status.FINISHED
    assert study.count_lines("starts.txt") == {"a": 2}
    assert study.count_lines("executions.txt") == {"a": 1}
    assert study.read_result("a") == expected_state("a", 60)


def test_jobs_that_start_together_are_one_array(study, monkeypatch):
    for name, line in (("srun", ""), ("sbatch", f'cp "$1" {study.folder}/sbatch.sh; echo job 7')):
        (study.folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (study.folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{study.folder}{os.pathsep}{os.environ['PATH']}")
    parameters = {"partition": "gpu", "array_parallelism": 2}
    engine = SlurmEngine(
        study.folder / "slurm", num_cpus=4, num_gpus=1, minutes=30, parameters=parameters
    )
    runs = engine.start(study.make_jobs(["a", "b", "c"]))
    assert [run._handle.job_id for run in runs] == ["7_0", "7_1", "7_2"]
    script = (study.folder / "sbatch.sh").read_text()
    for option in ("array=0-2%2", "cpus-per-task=4", "gpus-per-node=1", "partition=gpu", "time=30"):
        assert f"#SBATCH --{option}\n" in script
    assert "--signal=USR2@" in script  # by which SLURM announces the time limit


def test_wrong_parameters_are_named(study):
    with pytest.raises(UserError, match="partitio"):
        SlurmEngine(study.folder, cluster="local", parameters={"partitio": "gpu"})
    with pytest.raises(UserError, match="srun"):
        SlurmEngine(study.folder)


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(child) for child in file.read().split()]
