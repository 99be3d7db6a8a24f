"""What holds while a process works on a run: its lease, and errors that a person understands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gv_jax.errors import locate_unwritable
from gv_jax.training.lease import Lease, lease
from gv_jax.training.timer import explain_oom


@contextmanager
def hold_run(workdir: Path, batch_size: int) -> Iterator[Lease]:
    """Holds the lease on a run directory.

    Errors of a full disk name the directory, and those of full memory the batch size.

    Args:
        workdir: The run directory.
        batch_size: Images per training step.

    Raises:
        UserError: Another process works on the run.
    """
    with locate_unwritable(workdir), lease(workdir) as held, explain_oom(batch_size):
        yield held
