"""Executes trials on an engine until all have ended."""

import shutil
import threading
import time
from collections.abc import Generator
from statistics import fmean

import optuna
from optuna.trial import Trial, TrialState

from gv_jax.errors import UserError
from gv_jax.jobs import (
    IDLE_POLL_S,
    POLL_S,
    UNLIMITED,
    Echo,
    Engine,
    Outcome,
    Status,
    stop_on_signals,
)
from gv_jax.search.scheduler import LeasedTrial, Scheduler
from gv_jax.search.trials import Search, TrialRun
from gv_jax.training.lease import Lease

FOLD_STEP_OFFSET = 1000  # steps in Optuna between the first epochs of two folds
MAX_TRIALS = 8  # concurrent trials on an engine that queues jobs itself, if --workers is not given

Steps = Generator[None, None, None]


class ReleasedError(Exception):
    """The trial remains as it is, for a later start or another process."""


class TrialPrunedError(Exception):
    """The trial is worse than others were at that epoch."""


class TrialFailedError(Exception):
    """A run failed, with this message."""


def run_trials(
    search: Search, engine: Engine, max_trials: int = 0, echo: Echo = lambda line: None
) -> bool:
    """Executes trials until each has ended; several processes can share the folder.

    Args:
        search: the trials.
        engine: executes their runs.
        max_trials: concurrent trials; 0 for as many as the engine has free slots.
        echo: receives a line for each trial when it starts and when it ends.

    Returns:
        Whether every trial has ended; False after SIGTERM or Ctrl-C, which stop and save all runs.
    """
    study = search.open()
    with stop_on_signals() as stop:
        _Runner(search, study, engine, stop, echo).run(max_trials)
    return search.is_complete(study)


class _Runner:
    def __init__(
        self,
        search: Search,
        study: optuna.Study,
        engine: Engine,
        stop: threading.Event,
        echo: Echo,
    ):
        self.search, self.study, self.engine = search, study, engine
        self.stop, self.echo = stop, echo
        self.scheduler = Scheduler(search, study)

    def run(self, max_trials: int) -> None:
        """Advances all running trials in turn, and starts new ones in free slots."""
        slots = self.engine.free_slots
        limit = max_trials or (MAX_TRIALS if slots == UNLIMITED else slots)
        active: list[Steps] = []
        while active or not (self.stop.is_set() or self.search.is_complete(self.study)):
            if not self.stop.is_set() and len(active) < limit and self.engine.free_slots:
                leased = self.scheduler.next_trial()
                if leased is not None:
                    active.append(self.run_trial(leased))
            active = [steps for steps in active if is_running(steps)]
            time.sleep(POLL_S if active else IDLE_POLL_S)

    def run_trial(self, leased: LeasedTrial) -> Steps:
        """Executes the folds of a trial and stores its result; yields while it is running."""
        began, number = time.monotonic(), leased.trial.number
        progress = f"[{number + 1}/{self.search.total}]"
        values = ", ".join(f"{name} = {show_value(value)}" for name, value in leased.values.items())
        self.echo(f"{progress} started with {values}")
        try:
            scores = []
            for fold, run in enumerate(leased.runs):
                scores.append((yield from self.run_fold(leased, run, fold)))
        except ReleasedError:
            return
        except TrialPrunedError:
            self.study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
            text = "pruned"
        except (TrialFailedError, UserError) as error:
            leased.trial.set_user_attr("error", str(error))
            self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
            text = f"failed: {error}"
        else:
            leased.trial.set_user_attr("scores", scores)
            self.study.tell(number, fmean(scores), skip_if_finished=True)
            text = f"{self.search.metric} {fmean(scores):.4f}"
        finally:
            self.scheduler.release(leased)
        self.echo(f"{progress} {text} with {values} ({time.monotonic() - began:.0f} s)")

    def run_fold(
        self, leased: LeasedTrial, run: TrialRun, fold: int
    ) -> Generator[None, None, float]:
        """Executes or resumes one fold; yields while it is running and returns its score."""
        job, run_lease = run.job, Lease(run.path)
        while not job.finished:
            if job.failure:
                raise TrialFailedError(job.failure)
            # A process whose driver was killed may still be training in the run directory.
            if self.engine.free_slots and run_lease.get_holder() is None:
                outcome = yield from self.run_process(leased, run, fold)
                if outcome.status is Status.FAILED:
                    raise TrialFailedError(outcome.message)
                if outcome.status is Status.STOPPED:
                    raise ReleasedError
            elif self.stop.is_set() or leased.lease.lost:
                raise ReleasedError
            else:
                yield
        report_epochs(leased.trial, run, fold)
        # The checkpoints of many runs would fill the disk.
        shutil.rmtree(run.run_dir.checkpoints, ignore_errors=True)
        return run.score

    def run_process(
        self, leased: LeasedTrial, run: TrialRun, fold: int
    ) -> Generator[None, None, Outcome]:
        """Executes the process of a run, which is stopped on a signal or when it is pruned."""
        log, logged_bytes, pruned = run.path / "metrics.jsonl", 0, False
        [process] = self.engine.start([run.job])
        try:
            while (outcome := process.poll()) is None:
                size = log.stat().st_size if log.exists() else 0
                if size != logged_bytes:
                    logged_bytes = size
                    report_epochs(leased.trial, run, fold)
                    pruned = pruned or leased.trial.should_prune()
                if pruned or self.stop.is_set() or leased.lease.lost:
                    process.stop()
                yield
        except BaseException:  # also when the generator is closed
            process.stop()
            raise
        if pruned and not run.job.finished:
            raise TrialPrunedError
        return outcome


def is_running(steps: Steps) -> bool:
    """Advances a trial; whether it continues."""
    try:
        next(steps)
    except StopIteration:
        return False
    return True


def report_epochs(trial: Trial, run: TrialRun, fold: int) -> None:
    """Reports the logged epochs that the study does not know yet."""
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for epoch, score in run.scores_by_epoch().items():
        step = FOLD_STEP_OFFSET * fold + epoch
        if step not in known:
            trial.report(score, step)


def show_value(value: object) -> str:
    """A value of a field: floats with 4 significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
