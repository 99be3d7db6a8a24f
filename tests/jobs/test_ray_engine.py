"""Jobs on a Ray cluster of two nodes: stopped, failed, and after the death of a node."""

import os
import signal

import pytest

from gv_jax.errors import UserError
from gv_jax.jobs.driver import run_jobs
from gv_jax.jobs.job import Status
from gv_jax.jobs.ray_engine import RayEngine
from tests.jobs.ray_cluster import TwoNodes, when
from tests.jobs.study import expected_state

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(interruptible):
    with TwoNodes() as nodes:
        yield nodes


def test_sigterm_stops_the_runs_and_the_same_call_resumes_them(study, cluster):
    names = ["a", "b", "broken"]

    def started():
        return len(list(study.folder.glob("runs/*/state.txt"))) == 2

    thread = when(started, lambda: os.kill(os.getpid(), signal.SIGTERM))
    engine = RayEngine(cluster.address)
    # 200 s, should a node be slow to start; stopped as soon as both have
    outcomes = run_jobs(study.make_jobs(names, steps=200, pause=1.0), engine)
    thread.join()
    assert {outcome.status for outcome in outcomes.values()} == {Status.STOPPED}
    outcomes = run_jobs(study.make_jobs(names, steps=200, pause=0), engine)
    assert [outcomes[name].status for name in names] == [
        Status.FINISHED,
        Status.FINISHED,
        Status.FAILED,
    ]
    assert outcomes["broken"].message == "it is broken"
    for name in ("a", "b"):
        assert "saved at step" in (study.folder / "logs" / f"{name}.log").read_text()
        assert study.read_result(name) == expected_state(name, 200)


def test_every_run_finishes_once_when_a_node_dies(study, cluster):
    names = [f"run{index}" for index in range(4)]

    def states():
        return list(study.folder.glob("runs/*/state.txt"))

    finished_at_death = []

    def kill_node():
        finished_at_death.extend(study.folder.glob("runs/*/report.html"))
        cluster.kill_second()

    thread = when(lambda: len(states()) == 2, kill_node)  # one on each node
    outcomes = run_jobs(study.make_jobs(names, steps=60, pause=0.05), RayEngine(cluster.address))
    thread.join()
    assert finished_at_death == []
    assert {outcome.status for outcome in outcomes.values()} == {Status.FINISHED}
    assert study.count_lines("executions.txt") == dict.fromkeys(names, 1)
    for name in names:  # as without Ray
        assert study.read_result(name) == expected_state(name, 60)


def test_a_missing_cluster_is_named(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**_):
        raise ConnectionError("no cluster")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(UserError, match="--address=auto"):
        RayEngine()
