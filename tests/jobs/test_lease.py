"""One process per run directory, also after kills and freezes."""

import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import SoftFileLease

from gv_jax.errors import UserError
from gv_jax.training import lease as lease_module
from gv_jax.training.lease import Lease, LeaseHeldError, LeaseLostError, lease

HOLDER = """
import sys, time
from pathlib import Path
from gv_jax.training.lease import LeaseLostError, lease

with lease(Path(sys.argv[1]), duration=1.0, heartbeat=0.1) as held:
    print("held", flush=True)
    while True:
        time.sleep(0.02)
        try:
            held.check()
        except LeaseLostError as error:
            sys.exit(f"lost: {error}")
"""
SHORT = {"duration": 1.0, "heartbeat": 0.1}


@pytest.fixture
def holder(study):
    """A process that holds the lease on `folder`/run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(study.folder / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_released_lease_is_free(tmp_path):
    (tmp_path / "run").mkdir()
    with lease(tmp_path / "run") as held:
        assert not held.lost
        assert Lease(tmp_path / "run").get_holder().pid == os.getpid()
    with lease(tmp_path / "run"):
        pass
    assert list((tmp_path / "run").iterdir()) == []
    assert Lease(tmp_path / "run").get_holder() is None


def fail_in_lease(run, names=()):
    with lease(run):
        assert (run / "lease").exists()
        for name in names:
            (run / name).touch()
        raise UserError("no images")


@pytest.mark.parametrize("names", [[], ["config.json"]])
@pytest.mark.parametrize("existed", [True, False])
def test_a_new_run_directory_without_files_is_removed(tmp_path, names, existed):
    run = tmp_path / "run"
    if existed:
        run.mkdir()
    with pytest.raises(UserError):
        fail_in_lease(run, names)
    assert run.exists() == (existed or bool(names))
    assert [file.name for file in run.glob("*")] == names


def test_new_parents_of_a_run_directory_are_removed_too(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError):
        fail_in_lease(tmp_path / "runs" / "game" / "a", [])
    assert list(tmp_path.rglob("*")) == [tmp_path / "runs"]


def test_a_second_holder_is_refused_with_the_name_of_the_first(tmp_path):
    with lease(tmp_path), pytest.raises(LeaseHeldError) as error, lease(tmp_path):
        pass
    assert error.value.exit_status == 2
    line = str(error.value)
    assert f"process {os.getpid()} on {os.uname().nodename}" in line
    assert "\n" not in line


def test_engines_distinguish_the_exit_status(monkeypatch):
    monkeypatch.setenv("GV_JAX_LEASED_STATUS", "75")
    assert LeaseHeldError("held").exit_status == LeaseLostError("lost").exit_status == 75
    assert UserError("other").exit_status == 2


@pytest.mark.slow
def test_a_living_process_is_named_and_a_killed_one_replaced_at_once(holder, tmp_path):
    began = time.monotonic()
    with (
        pytest.raises(LeaseHeldError, match=f"process {holder.pid} "),
        lease(tmp_path / "run", **SHORT),
    ):
        pass
    assert time.monotonic() - began < 1
    holder.kill()
    holder.wait()
    began = time.monotonic()
    assert Lease(tmp_path / "run").get_holder() is None
    with lease(tmp_path / "run"):
        assert time.monotonic() - began < 1


@pytest.mark.slow
def test_a_process_that_was_frozen_stops(holder, tmp_path):
    holder.send_signal(signal.SIGSTOP)
    successor = SoftFileLease(
        tmp_path / "run" / "lease", lease_duration=1.0, heartbeat_interval=0.1, timeout=10
    )
    with successor:
        holder.send_signal(signal.SIGCONT)
        _, error = holder.communicate(timeout=10)
        assert holder.returncode == 1
        assert error.startswith("lost: ")
        assert f"process {os.getpid()} on " in error


def test_a_lost_lease_is_noticed_before_the_next_heartbeat(tmp_path, monkeypatch):
    monkeypatch.setattr(lease_module, "CHECK_EVERY_S", 0.0)
    with lease(tmp_path) as held:
        (tmp_path / "lease").unlink()
        with lease(tmp_path):
            with pytest.raises(LeaseLostError, match=f"process {os.getpid()} "):
                held.check()
            with pytest.raises(LeaseLostError):
                held.check()


def test_a_holder_on_another_machine_is_awaited(tmp_path, monkeypatch):
    (tmp_path / "lease").write_text(
        "filelock/2\npid=1\nhost=other\nmode=lease\ntoken=abc\nduration=1.0\nstart=1\n"
    )
    watched = Lease(tmp_path, **SHORT)
    assert str(watched.get_holder()) == "process 1 on other"
    assert not watched.try_acquire()
    began = time.monotonic()
    with lease(tmp_path, **SHORT):  # it has no heartbeat
        assert 1.0 <= time.monotonic() - began < 5


def test_a_living_holder_on_another_machine_is_not_awaited_for_long(tmp_path, monkeypatch):
    with lease(tmp_path, **SHORT):
        monkeypatch.setattr(lease_module, "get_host", lambda: "here")
        began = time.monotonic()
        with pytest.raises(LeaseHeldError), lease(tmp_path, **SHORT):
            pass
        assert time.monotonic() - began < 1


def test_a_holder_without_a_heartbeat_is_not_reported(tmp_path):
    (tmp_path / "lease").write_text(
        "filelock/2\npid=1\nhost=other\nmode=lease\ntoken=abc\nduration=1.0\nstart=1\n"
    )
    watched = Lease(tmp_path, duration=1.0, heartbeat=0.05)
    assert watched.get_holder() is not None
    time.sleep(0.2)
    assert watched.get_holder() is None
    os.utime(tmp_path / "lease")
    assert watched.get_holder() is not None


def test_check_costs_little(tmp_path):
    with lease(tmp_path) as held:
        began = time.monotonic()
        for _ in range(10_000):
            held.check()
        assert (time.monotonic() - began) / 10_000 < 100e-6
