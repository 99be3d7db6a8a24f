"""One whole training: from the latest checkpoint, or the start, to the last step."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

from gv_jax import processes
from gv_jax.data.batch_reader import BatchReader
from gv_jax.data.sampling import steps_per_epoch
from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.lease import Lease
from gv_jax.training.loop import (
    MetricSums,
    PreemptionGuard,
    WaitTimer,
    count_steps,
    is_multiple,
    iterate,
)
from gv_jax.training.run_dir import RunDir
from gv_jax.training.run_log import RunLog
from gv_jax.training.step import TrainState

LOG_EVERY = 10  # calls between two device syncs for the progress bar


@dataclass(frozen=True)
class LoopConfig:
    """Length of a training and selection of its weights; 0 switches off.

    Attributes:
        monitor: the metric that selects the best weights, and "max" or "min".
        select_best: report the best weights instead of the last ones.
        patience: epochs without improvement after which the training stops.
        checkpoint_seconds: minimum time between two checkpoints.
        steps_per_call: steps in one compiled call; the last call of an epoch may be shorter.
    """

    steps: int
    steps_per_epoch: int
    batch_size: int
    monitor: tuple[str, str]
    select_best: bool
    patience: int
    checkpoint_seconds: float
    steps_per_call: int = 1

    @staticmethod
    def from_section(
        section: Any, num_images: int, monitor: tuple[str, str], has_valid: bool
    ) -> "LoopConfig":
        """From the section `train` of the configuration.

        Args:
            section: config.train.
            num_images: of the training split.
            monitor: the metric that selects the best weights, and "max" or "min".
            has_valid: whether there is a validation split.
        """
        steps = section.steps_per_epoch or steps_per_epoch(num_images, section.batch_size)
        return LoopConfig(
            steps=section.epochs * steps,
            steps_per_epoch=steps,
            batch_size=section.batch_size,
            monitor=monitor,
            select_best=has_valid and section.select == "best",
            patience=section.patience,
            checkpoint_seconds=section.checkpoint_seconds,
            steps_per_call=section.steps_per_call,
        )

    def call_at(self, step: int) -> range:
        """The steps of the call that begins at `step`.

        A call ends at a multiple of `steps_per_call` in an epoch, at the end of the epoch, or with
        the last step, so that the calls of a resumed training are those of an uninterrupted one.
        """
        of_epoch = step % self.steps_per_epoch
        whole = step - of_epoch % self.steps_per_call + self.steps_per_call
        return range(step, min(whole, step - of_epoch + self.steps_per_epoch, self.steps))

    def calls_from(self, step: int) -> Sequence[int]:
        """The first steps of all calls from `step` on."""
        steps = range(step, self.steps)
        if self.steps_per_call == 1:
            return steps
        of_epoch, of_call = self.steps_per_epoch, self.steps_per_call
        return [first for first in steps if first == step or first % of_epoch % of_call == 0]


@dataclass
class Progress:
    """What a resumed training needs besides its state. metric_sums: of the current epoch."""

    step: int = 0
    metric_sums: MetricSums = field(default_factory=dict)
    best_score: float | None = None
    best_loss: float = math.inf
    best_step: int = 0
    epochs_since_best: int = 0
    seconds: float = 0.0
    wait_seconds: float = 0.0  # of these, waiting for data

    @property
    def steps(self) -> dict[str, int]:
        """The steps of the reported weights and of the last ones."""
        return {"best_step": self.best_step or self.step, "last_step": self.step}

    def update_best(self, score: float, loss: float, direction: str) -> bool:
        """Records an epoch; returns whether its weights are the best so far.

        Of equal scores, which are frequent among few images, the lower loss is the best; of equal
        losses, the earlier epoch.

        Args:
            score: of the metric that selects the weights.
            loss: on the same images.
            direction: "max" or "min", of the metric.
        """
        sign = 1 if direction == "max" else -1
        is_better = self.best_score is None or (sign * score, -loss) > (
            sign * self.best_score,
            -self.best_loss,
        )
        self.epochs_since_best = 0 if is_better else self.epochs_since_best + 1
        if is_better:
            self.best_score, self.best_loss, self.best_step = score, loss, self.step
        return is_better


class InterruptedRun(Exception):  # noqa: N818 - the end of a run that is no error
    """SIGTERM or Ctrl-C was received; the state is saved."""


class RunTracker:
    """Logging, checkpoints, selection of weights and early stopping of one run.

    Call `restore`, then `on_call_end` after every call, then `close`.

    Args:
        loop: lengths and selection.
        run_dir: where it is logged and saved.
        validate: metrics of a state on the validation split; None: the last weights are reported.
        schedule: step -> learning rate.
        lease: checked after every call, so that a process that lost the run stops.
        show_progress: whether there is a progress bar; only the writer of `run_dir` has one.

    Attributes:
        waiting: measures how long the training waits for data.
    """

    def __init__(
        self,
        loop: LoopConfig,
        run_dir: RunDir,
        validate: Callable[[TrainState], dict[str, float]] | None,
        schedule: Callable[[int], float],
        lease: Lease | None = None,
        show_progress: bool = True,
    ) -> None:
        self.loop, self.run_dir, self.validate = loop, run_dir, validate
        self.schedule, self.lease = schedule, lease
        self.show_progress = show_progress and run_dir.is_writer
        self.progress, self.best, self.waiting = Progress(), {}, WaitTimer()
        self._checkpoints = Checkpoints(run_dir.checkpoints)

    @property
    def done(self) -> bool:
        """Whether no step is left."""
        stale = 0 < self.loop.patience <= self.progress.epochs_since_best
        stops_early = stale and is_multiple(self.progress.step, self.loop.steps_per_epoch)
        return stops_early or self.progress.step >= self.loop.steps

    def restore(self, state: TrainState) -> TrainState:
        """The state of the latest checkpoint, or `state` without one; drops later log rows."""
        self.best = snapshot(state)
        latest = self._checkpoints.latest
        facts = {"the step of the newest checkpoint": latest}
        processes.check_equal("checkpoint", facts, "all processes need one --workdir")
        if latest is not None:
            state, self.best, progress = self._checkpoints.restore(state)
            self.progress = Progress(**progress)
        self.run_dir.truncate_log(self.progress.step)
        self._log = RunLog(
            self.run_dir,
            self.progress.step,
            self.progress.metric_sums,
            total_steps=self.loop.steps,
            steps_per_epoch=self.loop.steps_per_epoch,
            batch_size=self.loop.batch_size,
            schedule=self.schedule,
            waiting=self.waiting,
            show_progress=self.show_progress,
        )
        self._seconds_before = self.progress.seconds
        self._wait_before = self.progress.wait_seconds - self.waiting.seconds
        self._started = self._saved = time.monotonic()
        return state

    def on_call_end(
        self, metrics: dict[str, Any], get_state: Callable[[], TrainState], interrupted: bool
    ) -> None:
        """Logs the steps of a call; validates and saves where they are due.

        Args:
            metrics: metric sums of the step, or arrays [k] of k steps of one epoch.
            get_state: gives the state; called only where it is validated or saved.
            interrupted: whether the run should save and stop.

        Raises:
            InterruptedRun: after a clean save.
            UserError: the loss is not finite.
            LeaseLostError: another process has this run.
        """
        if self.lease is not None:
            self.lease.check()
        loop, progress, log = self.loop, self.progress, self._log
        steps = count_steps(metrics)
        progress.step += steps
        log.add(metrics)
        epoch_ends = is_multiple(progress.step, loop.steps_per_epoch) or progress.step == loop.steps
        save_is_due = time.monotonic() - self._saved >= loop.checkpoint_seconds
        flushes = epoch_ends or progress.step % (LOG_EVERY * steps) < steps
        if processes.count() > 1:  # which must agree
            signals = (interrupted, save_is_due)
            interrupted, save_is_due = processes.any_process(*signals) if flushes else (False,) * 2
        if flushes or interrupted:
            log.flush(progress.step)
        if epoch_ends:
            self._end_epoch(get_state())
        if self.done or interrupted or (epoch_ends and save_is_due):
            self._saved = time.monotonic()
            progress.metric_sums = log.sums
            progress.seconds = self._seconds_before + self._saved - self._started
            progress.wait_seconds = self._wait_before + self.waiting.seconds
            self._checkpoints.save(progress.step, get_state(), self.best, asdict(progress))
        if interrupted and not self.done:
            raise InterruptedRun(f"interrupted at step {progress.step} of {loop.steps}")

    def _end_epoch(self, state: TrainState) -> None:
        self._log.log_train_epoch(self.progress.step)
        if self.validate is None:
            self.best = snapshot(state)
            return
        metrics = self.validate(state)
        self._log.log_valid_epoch(self.progress.step, metrics)
        name, direction = self.loop.monitor
        if (
            self.progress.update_best(metrics[name], metrics["loss"], direction)
            or not self.loop.select_best
        ):
            self.best = snapshot(state)

    def close(self) -> None:
        self._log.close()
        self._checkpoints.close()


def fit(
    state: TrainState,
    call: Callable[[TrainState, Any], tuple[TrainState, dict[str, Any]]],
    get_inputs: BatchReader[int],
    tracker: RunTracker,
) -> tuple[dict[str, Any], Progress]:
    """Trains `state` to the last step.

    Args:
        state: before the first step.
        call: (state, inputs) -> (state, metric sums [] of a step, or [k] of k steps).
        get_inputs: from the first step of a call to its inputs: the batch, or indices of batches.
        tracker: logs, saves and selects.

    Returns:
        The weights to report, {"params", "batch_stats"}, and the progress.

    Raises:
        InterruptedRun, UserError: as `RunTracker.on_call_end`.
    """
    state = tracker.restore(state)
    processes.meet("restored")
    calls = () if tracker.done else tracker.loop.calls_from(tracker.progress.step)
    stream = get_inputs.stream(calls)
    with PreemptionGuard() as guard, closing(tracker), closing(stream):
        for current, metrics in iterate(state, call, tracker.waiting.measure(stream)):
            tracker.on_call_end(metrics, lambda current=current: current, guard.requested)
            if tracker.done:
                break
    return tracker.best, tracker.progress
