"""What holds while a process works on a run: its lease, and errors that a person understands."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gv_jax import processes
from gv_jax.errors import UserError, locate_unwritable
from gv_jax.training.lease import LEASE_FILE, RETRY_S, Lease, lease
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
                processes.publish("lease")
                yield held
        else:
            processes.wait_for("lease")
            check_shared(workdir)
            yield None


def check_shared(workdir: Path) -> None:
    """Raises UserError unless this process sees the lease that process 0 holds."""
    deadline = time.monotonic() + SHARED_S
    while not (workdir / LEASE_FILE).exists():
        if time.monotonic() > deadline:
            raise UserError(
                f"--workdir={workdir} is not the folder that process 0 uses: all processes need "
                "one folder that they share, as for checkpoints each of them writes its part"
            )
        time.sleep(RETRY_S)
