"""Jobs as processes of this machine, each pinned to its own cores."""

import signal
import threading
import time
from collections.abc import Sequence

from gv_jax.errors import INTERRUPTED_STATUS
from gv_jax.jobs.job import POLL_S, Job, Outcome, Status
from gv_jax.jobs.processes import last_error_line, reserve_cores, spawn, split_cores
from gv_jax.training.lease import LEASED_STATUS


class LocalRun:
    """A process of this machine."""

    def __init__(self, job: Job, cores: Sequence[int] = ()):
        self.job = job
        self._log = job.cwd / job.log
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self._started_at = time.monotonic()
        self._process = spawn(job.command, self._log, job.cwd, cores)
        self._stopping = False
        self._outcome: Outcome | None = None

    def poll(self) -> Outcome | None:
        returncode = self._process.poll()
        if returncode is not None and self._outcome is None:
            self._outcome = self._make_outcome(returncode)
        return self._outcome

    def stop(self) -> None:
        """Sends SIGTERM, on which a run saves and exits."""
        if not self._stopping and self._process.poll() is None:
            self._process.terminate()
        self._stopping = True

    def _make_outcome(self, returncode: int) -> Outcome:
        seconds = time.monotonic() - self._started_at
        if self.job.finished:
            return Outcome(Status.FINISHED, seconds=seconds)
        if returncode == LEASED_STATUS:
            return Outcome(Status.LEASED, seconds=seconds)
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            message = last_error_line(log.read().decode(errors="replace"), returncode)
        # A run that receives a signal from elsewhere saves and exits with INTERRUPTED_STATUS.
        stopped = (0, INTERRUPTED_STATUS, -signal.SIGTERM, -signal.SIGINT)
        if self._stopping or returncode in stopped:
            return Outcome(Status.STOPPED, message, seconds)
        self.job.record_failure(message)
        return Outcome(Status.FAILED, message, seconds)


class LocalEngine:
    """Up to `workers` concurrent processes, each on its part of the available cores."""

    def __init__(self, workers: int):
        self._cores = split_cores(workers)
        self._runs: list[LocalRun | None] = [None] * workers

    @property
    def free_slots(self) -> int:
        return len(self._find_free())

    def start(self, jobs: Sequence[Job]) -> Sequence[LocalRun]:
        slots = self._find_free()
        assert len(jobs) <= len(slots), f"{len(jobs)} jobs for {len(slots)} free slots"
        runs = []
        for job, slot in zip(jobs, slots, strict=False):
            run = self._runs[slot] = LocalRun(job, self._cores[slot])
            runs.append(run)
        return runs

    def _find_free(self) -> list[int]:
        return [slot for slot, run in enumerate(self._runs) if run is None or run.poll()]


def run_job(job: Job, num_cpus: int, stop: threading.Event | None = None) -> Outcome:
    """Runs `job` on this machine until it ends; Ray and SLURM call this.

    Args:
        job: started unless another process has finished it.
        num_cpus: number of cores that it is pinned to; 0 for no limit.
        stop: when set, the job saves and exits.
    """
    if job.finished:
        return Outcome(Status.FINISHED)
    with reserve_cores(num_cpus) as cores:
        run = LocalRun(job, cores if num_cpus else ())
        try:
            while (outcome := run.poll()) is None:
                if stop is not None and stop.is_set():
                    run.stop()
                time.sleep(POLL_S)
            return outcome
        finally:  # also when an exception, such as a cancellation, ends the wait
            run.stop()
            while run.poll() is None:
                time.sleep(POLL_S)
