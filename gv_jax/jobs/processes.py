"""Processes of this machine: cores, number of workers, start, error line."""

import getpass
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gv_jax.training.lease import LEASED_STATUS, STATUS_VARIABLE

RUN_MEMORY_GB = 3.0  # memory of one run


def available_cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def split_cores(parts: int) -> list[list[int]]:
    """The available cores in `parts` parts; all cores for each part if there are fewer."""
    cores = available_cores()
    return [cores[index::parts] if parts <= len(cores) else cores for index in range(parts)]


@contextmanager
def reserve_cores(count: int) -> Iterator[list[int]]:
    """Cores that no other process of this user has reserved; all available if too few are free.

    Ray and SLURM count the cores of a machine, but do not always pin a process to its own.
    """
    folder = Path(tempfile.gettempdir(), f"gv_jax-cores-{getpass.getuser()}")
    folder.mkdir(exist_ok=True)
    with ExitStack() as locks:
        reserved: list[int] = []
        for core in available_cores():
            if len(reserved) == count:
                break
            try:
                locks.enter_context(FileLock(folder / f"{core}.lock", timeout=0))
            except Timeout:
                continue
            reserved.append(core)
        yield reserved if len(reserved) == count else available_cores()


def pin_cpu(pid: int, cores: Collection[int]) -> None:
    """Pins a process to `cores` if the system can; XLA starts one thread per core."""
    if cores and hasattr(os, "sched_setaffinity"):
        try:
            os.sched_setaffinity(pid, cores)
        except OSError:  # it has already ended, or the machine does not allow it
            return


def default_workers() -> int:
    """Number of concurrent runs: 1 on an accelerator, else limited by cores and memory."""
    backend = subprocess.run(
        [sys.executable, "-c", "import jax; print(jax.default_backend())"],
        capture_output=True,
        text=True,
        check=False,
    )
    if backend.stdout.strip() != "cpu":
        return 1
    try:
        gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):  # unknown on this system
        gigabytes = RUN_MEMORY_GB
    return max(1, min(len(available_cores()), int(gigabytes / RUN_MEMORY_GB)))


def last_error_line(output: str, returncode: int) -> str:
    """Why a process failed: the last line of its output, or its signal or exit status."""
    if returncode < 0:
        return f"ended by signal {signal.Signals(-returncode).name}"
    lines = [line.strip() for line in re.split(r"[\r\n]", output) if line.strip()]
    return lines[-1].removeprefix("gv_jax: ") if lines else f"ended with status {returncode}"


def spawn(
    command: Sequence[str], log: Path, cwd: Path, cores: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Starts a process.

    Args:
        command: program and arguments. A process that finds a run leased exits with
            LEASED_STATUS.
        log: the file to which its output is appended.
        cwd: its working directory.
        cores: the cores that it is pinned to; all if empty.
    """
    variables = {STATUS_VARIABLE: str(LEASED_STATUS)}
    if cores:
        variables["OMP_NUM_THREADS"] = str(len(cores))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
        )
    pin_cpu(process.pid, cores)
    return process
