"""Jobs as processes of this machine: failures, signals, several drivers."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from gv_jax.jobs import processes
from gv_jax.jobs.driver import run_jobs
from gv_jax.jobs.job import Job, Outcome, Status
from gv_jax.jobs.local import LocalEngine, run_job
from gv_jax.jobs.processes import available_cores, last_error_line, reserve_cores, split_cores
from tests.jobs.study import ROOT, Study, expected_state

pytestmark = pytest.mark.slow


def test_jobs_run_once_and_a_failed_one_does_not_stop_the_others(study):
    jobs = study.make_jobs(["a", "broken", "b"])
    reported = {}
    outcomes = run_jobs(
        jobs, LocalEngine(2), lambda job, outcome: reported.update({job.name: outcome})
    )
    assert [outcomes[name].status for name in ("a", "broken", "b")] == [
        Status.FINISHED,
        Status.FAILED,
        Status.FINISHED,
    ]
    assert reported == outcomes
    assert outcomes["broken"].message == "it is broken"
    assert jobs[1].failure == "it is broken"
    assert study.count_lines("executions.txt") == {"a": 1, "b": 1}
    assert study.read_result("a") == expected_state("a", 3)

    again = run_jobs(jobs, LocalEngine(2))  # ended jobs are not run
    assert {name: outcome.status for name, outcome in again.items()} == {
        name: outcome.status for name, outcome in outcomes.items()
    }
    assert study.count_lines("starts.txt") == {"a": 1, "b": 1, "broken": 1}
    jobs[1].forget_failure()
    run_jobs(jobs, LocalEngine(2))
    assert study.count_lines("starts.txt") == {"a": 1, "b": 1, "broken": 2}


def test_processes_are_pinned_to_their_cores(study, tmp_path):
    code = "import os; print(sorted(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"
    wait = "import time; time.sleep(0.5); "  # the affinity is set after the start
    command = (sys.executable, "-c", wait + code)
    jobs = [Job(name, command, (tmp_path / name,), tmp_path / f"{name}.log") for name in "ab"]
    workers = min(2, len(available_cores()))
    outcomes = run_jobs(jobs, LocalEngine(workers))
    assert {outcome.status for outcome in outcomes.values()} == {Status.STOPPED}  # no report.html
    printed = {(tmp_path / f"{name}.log").read_text().strip() for name in "ab"}
    expected = {f"{cores} {len(cores)}" for cores in split_cores(workers)}
    assert printed <= expected


def test_sigterm_stops_the_runs_and_the_same_call_resumes_them(study):
    names = ["a", "b", "c"]
    jobs = study.make_jobs(names, steps=40, pause=0.05)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    outcomes = run_jobs(jobs, LocalEngine(2))
    timer.join()
    assert {outcome.status for outcome in outcomes.values()} == {Status.STOPPED}
    assert outcomes["a"].message.startswith("saved at step")
    assert "c" not in study.count_lines("starts.txt")
    outcomes = run_jobs(study.make_jobs(names, steps=40, pause=0), LocalEngine(2))
    assert {outcome.status for outcome in outcomes.values()} == {Status.FINISHED}
    for name in names:
        assert study.read_result(name) == expected_state(name, 40)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_a_signal_from_elsewhere_ends_is_stopped(study, number):
    [job] = study.make_jobs(["a"], steps=100, pause=0.1)
    [run] = LocalEngine(1).start([job])
    while not (study.folder / "runs" / "a" / "state.txt").exists():
        time.sleep(0.02)
    run._process.send_signal(number)
    while (outcome := run.poll()) is None:
        time.sleep(0.05)
    assert run._process.returncode == 130
    assert outcome.status is Status.STOPPED
    assert outcome.message.startswith("saved at step")
    assert job.failure == ""


def test_a_killed_process_is_a_failure_that_names_the_signal(study):
    [job] = study.make_jobs(["a"], steps=100, pause=0.1)
    engine = LocalEngine(1)
    [run] = engine.start([job])
    assert engine.free_slots == 0
    time.sleep(0.3)
    run._process.kill()
    while (outcome := run.poll()) is None:
        time.sleep(0.05)
    assert (outcome.status, outcome.message) == (Status.FAILED, "ended by signal SIGKILL")
    assert engine.free_slots == 1


def drive(folder, names, start, results):
    start.wait()
    outcomes = run_jobs(Study(folder).make_jobs(names, steps=2), LocalEngine(1))
    results.put({name: outcome.status for name, outcome in outcomes.items()})


def test_eight_drivers_on_one_folder_execute_no_run_twice(study):
    names = [f"run{index}" for index in range(16)]
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    drivers = [
        context.Process(target=drive, args=(study.folder, names, start, results)) for _ in range(8)
    ]
    for driver in drivers:
        driver.start()
    start.set()
    outcomes = [results.get(timeout=120) for _ in drivers]
    for driver in drivers:
        driver.join()
        driver.close()
    results.close()
    results.join_thread()
    assert outcomes == [dict.fromkeys(names, Status.FINISHED)] * 8
    assert study.count_lines("executions.txt") == dict.fromkeys(names, 1)
    assert study.count_lines("starts.txt") == dict.fromkeys(names, 1)
    assert {name: study.read_result(name) for name in names} == {
        name: expected_state(name, 2) for name in names
    }


def test_a_driver_waits_for_a_run_of_another_process(study):
    jobs = study.make_jobs(["a", "b"], steps=20, pause=0.05)
    with subprocess.Popen(jobs[0].command, cwd=ROOT) as other:
        while not (study.folder / "starts.txt").exists():
            time.sleep(0.02)
        assert run_job(jobs[0], 1).status is Status.LEASED  # a second start of it is refused
        assert "is being trained by process " in jobs[0].log.read_text()
        outcomes = run_jobs(jobs, LocalEngine(2))
        assert other.wait() == 0
    assert {outcome.status for outcome in outcomes.values()} == {Status.FINISHED}
    assert study.count_lines("starts.txt") == {"a": 1, "b": 1}


def test_reserved_cores_are_disjoint_until_there_are_too_few(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(processes, "available_cores", lambda: [3, 5, 7])
    with reserve_cores(1) as first, reserve_cores(2) as second:
        assert (first, second) == ([3], [5, 7])
        with reserve_cores(1) as third:
            assert third == [3, 5, 7]
    with reserve_cores(3) as all_cores:
        assert all_cores == [3, 5, 7]


@pytest.mark.parametrize(
    ("output", "returncode", "line"),
    [
        ("bar 1%\rbar 2%\rgv_jax: no such field\n\n", 2, "no such field"),
        ("", 3, "ended with status 3"),
        ("anything", -11, "ended by signal SIGSEGV"),
    ],
)
def test_last_error_line(output, returncode, line):
    assert last_error_line(output, returncode) == line


def test_an_outcome_is_read_from_files(study):
    assert run_jobs([], LocalEngine(1)) == {}
    [job] = study.make_jobs(["a"])
    job.log.parent.mkdir()
    job.record_failure("no space left")
    assert run_jobs([job], LocalEngine(1)) == {"a": Outcome(Status.FAILED, "no space left")}
