"""A job is one command that fills run directories; its outcome is read from files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

Echo = Callable[[str], None]  # receives lines for the user

POLL_S = 0.2  # seconds between two checks of running jobs
UNLIMITED = 1_000_000  # free slots of an engine with a queue of its own


class Status(Enum):
    """How an attempt at a job ended."""

    FINISHED = "finished"
    FAILED = "failed"  # the same would happen again
    STOPPED = "stopped"  # saved, or its machine was lost: the same command resumes it
    LEASED = "leased"  # another process trains in its run directory


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt.

    Attributes:
        status: how it ended.
        message: the last line of its error; "" without one.
        seconds: its duration.
    """

    status: Status
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """One process to run on any machine; started again it resumes.

    Attributes:
        name: unique among the jobs that run together.
        command: program and arguments. A process that finds a run leased by another one ends
            with status `gv_jax.training.lease.LEASED_STATUS`.
        run_dirs: its run directories, usually one.
        log: the file to which its output is appended; a failure is stored beside it.
        cwd: its working directory.
        done_file: the file that a run writes last into its run directory.
    """

    name: str
    command: tuple[str, ...]
    run_dirs: tuple[Path, ...]
    log: Path
    cwd: Path = field(default_factory=Path.cwd)
    done_file: str = "report.html"

    @property
    def failure_file(self) -> Path:
        return self.log.with_suffix(".failed")

    @property
    def finished(self) -> bool:
        return all((self.cwd / run_dir / self.done_file).exists() for run_dir in self.run_dirs)

    @property
    def failure(self) -> str:
        """The error of a failed attempt on any machine; "" without one."""
        try:
            return (self.cwd / self.failure_file).read_text("utf-8").strip()
        except FileNotFoundError:
            return ""

    @property
    def ended(self) -> bool:
        """Whether it finished or failed, so that nothing is left to run."""
        return self.finished or bool(self.failure)

    def record_failure(self, message: str) -> None:
        (self.cwd / self.failure_file).write_text(message + "\n", "utf-8")

    def forget_failure(self) -> None:
        """Removes the record of a failure, so that it runs again."""
        (self.cwd / self.failure_file).unlink(missing_ok=True)


class Run(Protocol):
    """A running attempt at a job."""

    job: Job

    def poll(self) -> Outcome | None:
        """Its outcome; None while it is running."""
        ...

    def stop(self) -> None:
        """Requests that it saves and exits; returns at once."""
        ...


class Engine(Protocol):
    """Executes jobs."""

    @property
    def free_slots(self) -> int:
        """Number of jobs that can be started now."""
        ...

    def start(self, jobs: Sequence[Job]) -> Sequence[Run]:
        """Starts `jobs`, at most as many as there are free slots."""
        ...
