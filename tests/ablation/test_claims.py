"""Claims: one worker for each run, whatever happens to the workers."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import pytest

from gv_jax.ablation import claims
from gv_jax.ablation.claims import claimed, newest, take
from gv_jax.ablation.workers import spread


def age(file, seconds):
    past = time.time() - seconds
    os.utime(file, (past, past))


def test_a_claim_is_for_one_and_free_again_after_its_release(tmp_path):
    with claimed(tmp_path, "run-1") as mine:
        assert mine is not None
        assert take(tmp_path, "run-1") is None
        assert mine.beat()
        with claimed(tmp_path, "run-1.5") as other:  # a name that begins with another one
            assert other is not None
    with claimed(tmp_path, "run-1") as again:
        assert again is not None
    assert list(tmp_path.iterdir()) == []


def test_a_silent_worker_on_another_machine_is_overruled_and_notices(tmp_path):
    lost = take(tmp_path, "run")
    lost.file.write_text(json.dumps({"machine": "another", "pid": 1}))
    age(lost.file, claims.EXPIRY - 5)
    assert take(tmp_path, "run") is None
    age(lost.file, claims.EXPIRY + 5)
    winner = take(tmp_path, "run")
    assert winner is not None
    assert not lost.beat()
    assert winner.beat()
    winner.release()
    os.close(lost.descriptor)


def test_a_living_process_of_this_machine_is_never_overruled(tmp_path):
    mine = take(tmp_path, "run")
    age(mine.file, 10 * claims.EXPIRY)
    assert take(tmp_path, "run") is None
    mine.release()


@pytest.mark.skipif(claims.fcntl is None, reason="deaths on this machine show by locks")
def test_the_claim_of_a_killed_worker_lives_as_long_as_the_process_that_it_started(tmp_path):
    script = (
        "import os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from gv_jax.ablation.claims import take\n"
        f"claim = take(Path({str(tmp_path)!r}), 'run')\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'],"
        " stdin=sys.stdin, pass_fds=(claim.descriptor,))\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        worker.stdout.readline()
        worker.kill()
        worker.wait()
        age(newest(tmp_path, "run"), 10 * claims.EXPIRY)
        assert take(tmp_path, "run") is None  # its child goes on
        worker.stdin.close()  # ends the child
        deadline = time.monotonic() + 20
        while (found := take(tmp_path, "run")) is None and time.monotonic() < deadline:
            time.sleep(0.05)
    assert found is not None
    found.release()


def compete(folder, start, results):
    start.wait()
    won = [number for number in range(40) if take(folder, f"run{number}") is not None]
    results.put(won)
    time.sleep(1)  # claims live as long as their process


def test_many_workers_never_get_the_same_run(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    workers = [context.Process(target=compete, args=(tmp_path, start, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    start.set()
    won = [number for _ in workers for number in results.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert sorted(won) == list(range(40))


def test_an_error_in_one_thread_stops_the_others_and_is_raised():
    stop, shares = threading.Event(), []

    def work(cores):
        shares.append(cores)
        if len(shares) == 2:
            raise ValueError("no space left")
        assert stop.wait(30)

    with pytest.raises(ValueError, match="no space left"):
        spread(work, 2, stop)
    assert len(shares) == 2
