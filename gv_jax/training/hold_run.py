"""What holds while a process works on a run: its lease, and errors that a person understands."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gv_jax import processes
from gv_jax.errors import UserError, locate_unwritable
from gv_jax.training.lease import RETRY_S, Lease, lease
from gv_jax.training.run_dir import RunDir
from gv_jax.training.timer import explain_oom

SHARED_S = 20.0  # seconds after which a file of another machine appears on a shared file system


@contextmanager
def hold_run(workdir: Path, batch_size: int) -> Iterator[Lease | None]:
    """Holds the lease on a run directory; of several processes, process 0 does.

    Errors of a full disk name the directory, and those of full memory the batch size.

    Args:
        workdir: The run directory.
        batch_size: Images per training step.

    Raises:
        UserError: Another process works on the run, or the directory is not shared.
    """
    with locate_unwritable(workdir), explain_oom(batch_size):
        if processes.is_primary():
            with lease(workdir) as held:
                processes.publish("lease", held.token)
                yield held
        else:
            token, observed = processes.wait_for("lease"), Lease(workdir)
            await_shared(workdir, lambda: observed.token == token)
            yield None


def is_finished(run_dir: RunDir, name: str = "start") -> bool:
    """Whether process 0 finds the run finished.

    Args:
        run_dir: The run directory.
        name: Of the moment; each name is used once.

    Raises:
        UserError: This process does not find the same: the directory is not shared.
    """
    finished = processes.exchange(f"finished/{name}", run_dir.finished)[0]
    await_shared(run_dir.path, lambda: run_dir.finished == finished)
    return finished


def await_shared(workdir: Path, is_same: Callable[[], bool]) -> None:
    """Waits until this process finds in the run directory what process 0 finds there.

    Args:
        workdir: The run directory.
        is_same: Whether it does.

    Raises:
        UserError: It still does not after `SHARED_S` seconds.
    """
    deadline = time.monotonic() + SHARED_S
    while not is_same():
        if time.monotonic() > deadline:
            raise UserError(
                f"--workdir={workdir} is not the folder that process 0 uses: all processes need "
                "one folder that they share, as for checkpoints each of them writes its part"
            )
        time.sleep(RETRY_S)
