"""Runs jobs on an engine until all have ended; several drivers can share a folder."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from gv_jax.jobs.job import POLL_S, Engine, Job, Outcome, Run, Status
from gv_jax.training.lease import Lease

IDLE_POLL_S = 1.0  # seconds between two checks of runs of other drivers

OnStart = Callable[[Job], None]
OnOutcome = Callable[[Job, Outcome], None]


def run_jobs(
    jobs: Sequence[Job],
    engine: Engine,
    on_outcome: OnOutcome = lambda job, outcome: None,
    stop: threading.Event | None = None,
    on_start: OnStart = lambda job: None,
) -> dict[str, Outcome]:
    """Runs the missing ones of `jobs` until each has ended or `stop` is set.

    A job whose run directory another process leases is left to that process and checked again
    until it has ended.

    Args:
        jobs: with unique names; those that have ended are not run.
        engine: executes them.
        on_outcome: called for each job that finished, failed or was stopped by this call.
        stop: when set, running jobs save and exit. By default SIGTERM and Ctrl-C set it, and the
            call has to be made in the main thread.
        on_start: called for each attempt at a job that the engine accepted.

    Returns:
        name -> outcome of all jobs. STOPPED if a job neither finished nor failed: the same call
        resumes it.
    """
    outcomes: dict[str, Outcome] = {}

    def note(run: Run, outcome: Outcome) -> None:
        outcomes[run.job.name] = outcome
        on_outcome(run.job, outcome)

    with stop_on_signals() if stop is None else nullcontext(stop) as event:
        _Driver(jobs, engine, event, on_start, note).run()
    return {job.name: outcomes.get(job.name) or read_outcome(job) for job in jobs}


def read_outcome(job: Job) -> Outcome:
    """The outcome of a job according to its files."""
    if job.finished:
        return Outcome(Status.FINISHED)
    return Outcome(Status.FAILED if job.failure else Status.STOPPED, job.failure)


class _Driver:
    def __init__(
        self,
        jobs: Sequence[Job],
        engine: Engine,
        stop: threading.Event,
        on_start: OnStart,
        note: Callable[[Run, Outcome], None],
    ):
        assert len({job.name for job in jobs}) == len(jobs), "jobs of the same name"
        self.pending, self.running = list(jobs), list[Run]()
        self.engine, self.stop, self.on_start, self.note = engine, stop, on_start, note
        self.leases = {job.name: [Lease(job.cwd / path) for path in job.run_dirs] for job in jobs}
        self.has_peers = False  # whether other drivers or people run the same jobs

    def run(self) -> None:
        try:
            while self.running or (self.pending and not self.stop.is_set()):
                if not self.stop.is_set():
                    self.start_ready()
                for run in self.running:
                    if self.stop.is_set():
                        run.stop()
                self.collect()
                if self.running or self.pending:
                    time.sleep(POLL_S if self.running else IDLE_POLL_S)
        except BaseException:
            for run in self.running:
                run.stop()
            raise

    def start_ready(self) -> None:
        """Starts pending jobs in the free slots."""
        free_slots = self.engine.free_slots
        # In order, so that an interrupted study has the first seeds of every variant. With peers
        # in random order, because they would otherwise compete for the same job each time.
        order = random.sample(self.pending, len(self.pending)) if self.has_peers else self.pending
        ready: list[Job] = []
        ended: list[Job] = []
        for job in order:
            if len(ready) == free_slots:
                break
            if job.ended:
                ended.append(job)
            elif any(lease.get_holder() for lease in self.leases[job.name]):
                self.has_peers = True
            else:
                ready.append(job)
        self.pending = [job for job in self.pending if job not in ready and job not in ended]
        if ready:
            self.running += self.engine.start(ready)
            for job in ready:
                self.on_start(job)

    def collect(self) -> None:
        """Removes ended runs and reports their outcomes."""
        for run in list(self.running):
            outcome = run.poll()
            if outcome is None:
                continue
            self.running.remove(run)
            if outcome.status is Status.LEASED:
                self.has_peers = True
                self.pending.append(run.job)
            else:
                self.note(run, outcome)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set instead of ending the process."""
    stop = threading.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    handlers = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
