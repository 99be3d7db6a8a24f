"""Commands of one run in several processes of this machine, which JAX connects over TCP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from tests.runs.runs import make_small_config, read_checkpoint, read_log, read_results

LOST = 69  # EX_UNAVAILABLE
TIMEOUT_S = 120  # within which the processes must meet, on a busy machine
FIELDS = {
    "data.size": (64, 64),  # so that the linear layer is large enough to be sharded
    "train.epochs": 8,
    "train.ema": 0.9,
    "train.checkpoint_seconds": 0.0,
    "train.shard_state": True,
    "tta.flip": True,
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.02,
    "inference.neighbors": 0,
    "inference.explanations": 0,
}


class End(NamedTuple):
    """How a process ended: its status, and its lines but the progress bar."""

    status: int
    output: list[str]
    errors: list[str]


def find_port() -> int:
    with socket.socket() as server:
        server.bind(("", 0))
        return server.getsockname()[1]


def make_command(images: Path, folder: Path, name: str, **fields: Any) -> list[str]:
    """`gv-jax train` in the run directory `name` of `folder`."""
    config = make_small_config(images, folder / "data", **{**FIELDS, **fields}).to_dict()
    options = [
        f"--config.{field}={value}"
        for field, value in flatten_dict(config, sep=".").items()
        if field != "data.path"
    ]
    file = f"--config=configs/folder.py:{images}"
    return [sys.executable, "-m", "gv_jax.main", file, *options, f"--workdir={folder / name}"]


def start(command: Sequence[str], *options: str, devices: int = 1) -> "subprocess.Popen[str]":
    """Starts a command with this number of virtual devices."""
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*command, *options], text=True, stdout=pipe, stderr=pipe, env=environment
    )


def name_cluster(port: int, index: int, count: int = 2, timeout: int = TIMEOUT_S) -> list[str]:
    """The options of process `index` of `count`."""
    return [
        f"--coordinator=localhost:{port}",
        f"--num-processes={count}",
        f"--process-id={index}",
        f"--coordinator-timeout={timeout}",
    ]


def start_two(
    *commands: list[str], timeout: int = TIMEOUT_S, devices: int = 1
) -> list["subprocess.Popen[str]"]:
    """Starts two processes; of one command, or of one each."""
    port = find_port()
    return [
        start(command, *name_cluster(port, index, timeout=timeout), devices=devices)
        for index, command in enumerate(commands if len(commands) == 2 else commands * 2)
    ]


def finish(process: "subprocess.Popen[str]") -> End:
    """Waits for the end of a process."""
    out, err = process.communicate()
    lines = [line.rpartition("\r")[2] for line in err.splitlines()]
    errors = [line for line in lines if line and not line.startswith("train:")]
    return End(process.returncode, out.splitlines(), errors)


def finish_two(*commands: list[str], **options: int) -> list[End]:
    """As `start_two`, until the end of both."""
    return [finish(process) for process in start_two(*commands, **options)]


def wait_for_rows(run: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Waits until a run has this many log rows, or the process ends."""
    log = run / "metrics.jsonl"
    while process.poll() is None and (not log.exists() or log.read_text().count("\n") < count):
        time.sleep(0.01)


def assert_errors(ends: Sequence[End], *named: str, status: int = 2) -> None:
    """Checks that each process ended with one line that has all of `named`, and no output."""
    for end in ends:
        assert end.status == status, end
        assert len(end.errors) == 1, end
        assert all(text in end.errors[0] for text in named), end


def assert_same_results(run: Path, other: Path) -> None:
    """Checks that two runs logged, selected and measured the same, to float tolerance."""
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
