"""The lease on a run directory: only one living process trains in it.

The lease is a file that names its holder (process, host, start time); a thread of the holder
touches it every `HEARTBEAT_S` seconds (`filelock.SoftFileLease`). A killed holder on this machine
is replaced at once, one on another machine after `DURATION_S` seconds without a heartbeat, by the
clock of the observer. A process that was frozen for longer has lost its lease and must stop:
`Lease.check` raises. Until it calls `check` it may overlap with its successor, so final files are
written with a rename.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from gv_jax.errors import UserError

LEASE_FILE = "lease"
DURATION_S = 90.0  # seconds without a heartbeat after which a holder counts as dead
HEARTBEAT_S = 10.0  # seconds between two heartbeats
MISSED_HEARTBEATS = 3  # after which a holder is no longer reported as alive
CHECK_EVERY_S = 1.0  # seconds between two reads of the file while the lease is held
RETRY_S = 0.25  # seconds between two attempts
LEASED_STATUS = 75  # EX_TEMPFAIL of sysexits.h: another process has the run; try again later
STATUS_VARIABLE = "GV_JAX_LEASED_STATUS"  # set by the engines of gv_jax/jobs in their processes


class LeaseError(UserError):
    """This process must not train in the run directory, because another process does.

    The exit status is that of every UserError, unless the environment variable
    `STATUS_VARIABLE` sets another one, by which the engines distinguish it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.exit_status = int(os.environ.get(STATUS_VARIABLE, UserError.exit_status))


class LeaseHeldError(LeaseError):
    """Another process holds the lease."""


class LeaseLostError(LeaseError):
    """Another process has taken the lease over from this one."""


class Holder(NamedTuple):
    """A process as the lease file names it."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.partition('?')[0]}"  # ?: filelock's namespace


class Lease:
    """The lease on `run_dir`, which this process holds or only watches."""

    def __init__(self, run_dir: Path, duration: float = DURATION_S, heartbeat: float = HEARTBEAT_S):
        self.run_dir, self.duration, self.heartbeat = run_dir, duration, heartbeat
        self._lock = SoftFileLease(
            run_dir / LEASE_FILE,
            lease_duration=duration,
            heartbeat_interval=heartbeat,
            thread_local=False,
        )
        self._refreshed = (0, 0.0)  # the file's time stamp, and when it was first seen
        self._checked_at, self._taken = 0.0, False

    def try_acquire(self) -> bool:
        """Takes the lease if no living process holds it.

        A holder on another machine counts as alive until this object has observed it for
        `duration` seconds without a heartbeat: keep the object and call again.
        """
        self.run_dir.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except LeaseSettingsMismatch as error:
            raise UserError(
                f"{self._lock.lock_file} was written by another version of gv_jax: stop that "
                "run first"
            ) from error
        return True

    def acquire(self) -> None:
        """Takes the lease; waits for a heartbeat of a holder on another machine, or its absence.

        Raises:
            LeaseHeldError: a living process holds it.
        """
        stamp, deadline = self._stamp(), time.monotonic() + self.duration + self.heartbeat
        while not self.try_acquire():
            holder = self._read_holder()
            is_alive = holder is not None and (self._stamp() != stamp or is_running_here(holder))
            if is_alive or time.monotonic() > deadline:
                raise LeaseHeldError(
                    f"{self.run_dir} is being trained by {holder or 'another process'}: wait for "
                    "it or stop it, or give another --workdir; if that process no longer exists, "
                    f"remove {self._lock.lock_file}"
                )
            time.sleep(RETRY_S)

    def release(self) -> None:
        """Releases the lease; does nothing if it is not held or was lost."""
        self._lock.release()

    def get_holder(self) -> Holder | None:
        """The process that holds the lease and is alive, as far as this object has observed."""
        holder = self._read_holder()
        if holder is None or (holder.host == get_host() and not is_running_here(holder)):
            return None
        stamp, now = self._stamp(), time.monotonic()
        if stamp != self._refreshed[0]:
            self._refreshed = (stamp, now)
        is_silent = now - self._refreshed[1] > MISSED_HEARTBEATS * self.heartbeat
        return None if is_silent else holder

    @property
    def lost(self) -> bool:
        """Whether another process has taken the lease of this process, or its file is gone."""
        now = time.monotonic()
        if now - self._checked_at >= CHECK_EVERY_S and not self._taken:
            self._checked_at = now
            self._taken = self._is_taken()
        return self._taken or self._lock.compromise is not None

    @property
    def token(self) -> str | None:
        """What distinguishes the holder, as the file has it, from all others; None without one."""
        owner = self._lock.owner
        return owner.token if owner is not None else None

    def check(self) -> None:
        """Must be called after every step and before writing to the run directory.

        Raises:
            LeaseLostError: this process has lost the lease and must stop without saving.
        """
        if self.lost:
            holder = self._read_holder()
            raise LeaseLostError(
                f"{self.run_dir}: this process was unresponsive for too long and lost the run to "
                f"{holder}; stopped without saving"
                if holder is not None
                else f"{self._lock.lock_file} is gone; stopped without saving"
            )

    def _is_taken(self) -> bool:
        """Whether the file names another owner twice: during a peer's attempt it briefly may."""
        for wait in (RETRY_S, 0.0):
            owner = self._lock.owner
            if owner is None or owner.token == self._lock.token:
                return False
            time.sleep(wait)
        return True

    def _read_holder(self) -> Holder | None:
        owner = self._lock.owner
        return Holder(owner.pid, owner.hostname) if owner is not None else None

    def _stamp(self) -> int:
        try:
            return os.stat(self._lock.lock_file).st_mtime_ns
        except OSError:
            return 0


@contextmanager
def lease(
    run_dir: Path, duration: float = DURATION_S, heartbeat: float = HEARTBEAT_S
) -> Iterator[Lease]:
    """Holds the lease on `run_dir`; check inside whether the run was finished meanwhile.

    Args:
        run_dir: created with its parents if it does not exist; what was created is removed at the
            end if it is empty.
        duration: seconds without a heartbeat after which others can take the lease.
        heartbeat: seconds between two heartbeats.

    Yields:
        The lease; its `check` raises once it is lost.

    Raises:
        LeaseHeldError: another process holds it; the message names it.
    """
    held = Lease(run_dir, duration, heartbeat)
    created = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    held.acquire()
    try:
        yield held
    finally:
        held.release()
        with suppress(OSError):  # not empty: the run began, or another process is here
            for folder in created:
                folder.rmdir()


@cache
def get_host() -> str:
    """The name of this machine in lease files; each container has its own."""
    with tempfile.TemporaryDirectory() as folder, SoftFileLease(Path(folder, LEASE_FILE)) as lock:
        assert lock.owner is not None
        return lock.owner.hostname


def is_running_here(holder: Holder) -> bool:
    """Whether `holder` is a running process of this machine."""
    if holder.host != get_host():
        return False
    if os.name == "nt":  # where os.kill has another meaning: the heartbeat alone decides
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
