"""One run of two real processes on this machine, which JAX connects over TCP."""

import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from tests.runs.runs import make_small_config, read_checkpoint, read_log, read_results

pytestmark = pytest.mark.slow

LOST = 69  # EX_UNAVAILABLE
FIELDS = {
    "data.size": (8, 8),
    "train.epochs": 8,
    "train.checkpoint_seconds": 0.0,
    "train.shard_state": True,
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.02,
    "inference.neighbors": 0,
    "inference.explanations": 0,
}


def find_port():
    with socket.socket() as server:
        server.bind(("", 0))
        return server.getsockname()[1]


def make_command(shapes, folder, name, **fields):
    """`gv-jax train` in the run directory `name`."""
    config = make_small_config(shapes, folder / "data", **{**FIELDS, **fields}).to_dict()
    options = [
        f"--config.{field}={value}"
        for field, value in flatten_dict(config, sep=".").items()
        if field != "data.path"
    ]
    file = f"--config=configs/folder.py:{shapes}"
    return [sys.executable, "-m", "gv_jax.main", file, *options, f"--workdir={folder / name}"]


def start(command, *options):
    return subprocess.Popen(
        [*command, *options], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for_rows(run, count, process):
    log = run / "metrics.jsonl"
    while process.poll() is None and (not log.exists() or log.read_text().count("\n") < count):
        time.sleep(0.01)


def start_two(*commands, timeout=60):
    """Starts two processes; of one command, or of one each."""
    port = find_port()
    return [
        start(
            command,
            f"--coordinator=localhost:{port}",
            "--num-processes=2",
            f"--process-id={index}",
            f"--coordinator-timeout={timeout}",
        )
        for index, command in enumerate(commands if len(commands) == 2 else commands * 2)
    ]


def finish(process):
    """Exit status, lines of standard output, and those of standard error but the progress bar."""
    out, err = process.communicate()
    lines = [line.rpartition("\r")[2] for line in err.splitlines()]
    errors = [line for line in lines if line and not line.startswith("train:")]
    return process.returncode, out.splitlines(), errors


def assert_same_results(run, other):
    for row, expected in zip(read_log(run), read_log(other), strict=True):
        for name in ("step", "split", "count"):
            assert row.get(name) == expected.get(name)
        np.testing.assert_allclose(row["loss"], expected["loss"], rtol=1e-3)
    results, expected = read_results(run), read_results(other)
    for split in ("train", "valid", "test"):
        assert results[split]["count"] == expected[split]["count"]
        np.testing.assert_allclose(results[split]["loss"], expected[split]["loss"], rtol=1e-3)
    (step, best), (last, other_best) = (read_checkpoint(path, "best") for path in (run, other))
    assert step == last
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-3), best, other_best)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of the data set and of all runs."""
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def whole(shapes, folder):
    """The run directory of one process."""
    assert finish(start(make_command(shapes, folder, "whole")))[0] == 0
    return folder / "whole"


def test_two_processes_leave_the_run_of_one(shapes, folder, whole):
    first, second = map(finish, start_two(make_command(shapes, folder, "two")))
    assert first[0] == 0, first
    assert second == (0, [], [])
    assert str(folder / "two" / "report.html") in first[1][-1]
    assert_same_results(folder / "two", whole)
    assert {path.name for path in (folder / "two").iterdir()} == {
        path.name for path in (whole).iterdir()
    }
    lines = (folder / "two" / "predictions.csv").read_text().splitlines()
    assert len(lines) == len((whole / "predictions.csv").read_text().splitlines())
    timing = [read_results(folder / name)["timing"] for name in ("whole", "two")]
    sizes = [times["state_mb_per_device"] for times in timing]
    assert sizes[1] <= sizes[0]


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_the_other_and_one_process_resumes(shapes, folder, whole, killed):
    name = f"killed{killed}"
    command = make_command(shapes, folder, name)
    processes = start_two(command, timeout=20)
    wait_for_rows(folder / name, 5, processes[0])
    processes[killed].kill()
    killed_at = time.monotonic()
    status, _, errors = finish(processes[1 - killed])
    assert time.monotonic() - killed_at < 40
    assert finish(processes[killed])[0] == -9
    assert status == LOST
    assert len(errors) == 1, errors
    assert not (folder / name / "results.json").exists()
    assert finish(start(command))[0] == 0
    assert_same_results(folder / name, whole)


def test_sigterm_in_one_process_saves_and_ends_both(shapes, folder):
    command = make_command(shapes, folder, "interrupted", **{"train.epochs": 1000})
    processes = start_two(command)
    wait_for_rows(folder / "interrupted", 1, processes[0])
    processes[1].terminate()
    first, second = map(finish, processes)
    assert (first[0], second) == (130, (130, [], []))
    assert "resume" in first[1][-1]
    step, _ = read_checkpoint(folder / "interrupted", "best")
    assert f"step {step} " in first[1][-1]


def test_different_configs_end_both_processes_with_the_field(shapes, folder):
    commands = [make_command(shapes, folder, "differs", seed=seed) for seed in (3, 4)]
    for status, _, errors in map(finish, start_two(*commands)):
        assert status == 2
        assert len(errors) == 1, errors
        assert "config.seed is 3 in process 0 and 4 in process 1" in errors[0]
    assert not (folder / "differs").exists()


def test_an_error_of_one_process_ends_the_other(shapes, folder):
    command = make_command(shapes, folder, "broken")
    processes = start_two(command, [*command, "--config.train.epochs=-1"])
    for index, (status, _, errors) in enumerate(map(finish, processes)):
        assert status == 2
        assert len(errors) == 1, errors
        assert "config.train.epochs" in errors[0]
        assert ("process 1" in errors[0]) == (index == 0)


@pytest.mark.parametrize("index", [0, 1])
def test_a_process_without_the_others_ends_within_the_timeout(shapes, folder, index):
    port = find_port()
    process = start(
        make_command(shapes, folder, "alone"),
        f"--coordinator=localhost:{port}",
        "--num-processes=2",
        f"--process-id={index}",
        "--coordinator-timeout=1",
    )
    status, _, errors = finish(process)
    assert status == 2
    assert len(errors) == 1, errors
    assert "1 s" in errors[0]
    assert not (folder / "alone").exists()


def test_a_port_that_is_in_use_is_named(shapes, folder):
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        port = server.getsockname()[1]
        options = (f"--coordinator=localhost:{port}", "--num-processes=2", "--process-id=0")
        status, _, errors = finish(start(make_command(shapes, folder, "port"), *options))
    assert status == 2
    assert len(errors) == 1
    assert str(port) in errors[0]
