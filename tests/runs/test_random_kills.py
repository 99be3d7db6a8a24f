"""A run that is killed, or out of disk, at random moments ends as one that was left alone."""

import os
import random
import resource
import signal
import subprocess
import time

import pytest

from gv_jax.training.run_dir import RunDir
from tests.runs.runs import read_results
from tests.runs.test_interruption import assert_same_state, make_command

pytestmark = pytest.mark.slow

SECONDS_TO_KILL = (0.3, 9.0)  # from imports to the report
FILE_SIZES = (1_000, 2_000_000)  # bytes: from config.json to a checkpoint
NUM_ATTEMPTS = 5


@pytest.fixture(scope="module")
def whole(shapes, tmp_path_factory):
    """The data root and the directory of a run that nothing interrupted."""
    base = tmp_path_factory.mktemp("whole")
    subprocess.run(make_command(shapes, base / "data", base / "run"), check=True)
    return base / "data", base / "run"


def assert_same_run(whole, run):
    """Compares weights, log without speeds, predictions, record of the data and results."""
    assert_same_state(whole, run)
    rows = [
        [
            {key: row[key] for key in row if key not in ("images_per_second", "data_wait")}
            for row in path.rows()
        ]
        for path in (RunDir(whole), RunDir(run))
    ]
    assert rows[0] == rows[1]
    assert (whole / "predictions.csv").read_bytes() == (run / "predictions.csv").read_bytes()
    assert RunDir(whole).data_record.splits == RunDir(run).data_record.splits
    assert read_results(whole)["test"] == read_results(run)["test"]


def list_leftovers(run):
    """Files that a write which did not finish left."""
    return [file for file in run.rglob("*") if ".partial" in file.name or ".tmp" in file.name]


@pytest.mark.parametrize("seed", range(2))
def test_random_kills(shapes, whole, tmp_path, seed):
    """Both the data root and the run directory are those of the killed processes."""
    random_source = random.Random(seed)
    root, run = tmp_path / "data", tmp_path / "run"
    command = make_command(shapes, root, run)
    for _ in range(NUM_ATTEMPTS):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        time.sleep(random_source.uniform(*SECONDS_TO_KILL))
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0), err
    subprocess.run(command, check=True)
    assert_same_run(whole[1], run)
    assert list_leftovers(run) == []


@pytest.mark.parametrize("seed", range(2))
def test_random_full_disks(shapes, whole, tmp_path, seed):
    """No file can grow beyond a random size; then there is space again.

    A file that is too large gives EFBIG where a full disk gives ENOSPC; both are an OSError of the
    same call.
    """
    random_source = random.Random(seed)
    root, run = tmp_path / "data", tmp_path / "run"
    command = make_command(shapes, root, run)
    for _ in range(NUM_ATTEMPTS):
        low, high = FILE_SIZES
        size = int(low * (high / low) ** random_source.random())
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            preexec_fn=lambda size=size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        )
        if done.returncode == 0:
            break
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().splitlines()[-1].startswith("gv_jax: ")
    subprocess.run(command, check=True)
    assert_same_run(whole[1], run)
