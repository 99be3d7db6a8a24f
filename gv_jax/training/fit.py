"""One whole training: from the latest checkpoint, or the start, to the last step."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

from tqdm import tqdm

from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.loop import (
    MetricSums,
    PreemptionGuard,
    accumulate,
    averages,
    check_finite,
    is_multiple,
    iterate,
)
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import Batch, TrainState

LOG_EVERY = 10  # steps between two looks at the loss: the device is never waited for more often


@dataclass(frozen=True)
class LoopConfig:
    """How long a training lasts and what is kept of it. Lengths in steps and epochs, 0 switches off."""

    steps: int
    steps_per_epoch: int
    batch_size: int
    monitor: tuple[str, str]
    keep_best: bool
    patience: int
    checkpoint_seconds: float


@dataclass
class Progress:
    """What a resumed training must know besides its state."""

    step: int = 0
    sums: MetricSums = field(default_factory=dict)  # over the epoch under way
    best_score: float | None = None
    best_step: int = 0
    stale_epochs: int = 0
    seconds: float = 0.0

    @property
    def steps(self) -> dict[str, int]:
        """Of the weights kept and of the last ones."""
        return {"best_step": self.best_step or self.step, "last_step": self.step}

    def keeps(self, score: float, direction: str) -> bool:
        """Notes an epoch's `score`; whether its weights are to be kept: of equally good epochs the last one's are."""
        best = self.best_score
        better = best is None or (score > best if direction == "max" else score < best)
        self.stale_epochs = 0 if better else self.stale_epochs + 1
        if better or score == best:
            self.best_score, self.best_step = score, self.step
        return better or score == best


class InterruptedRun(Exception):
    """SIGTERM or Ctrl-C came; everything is saved."""


class RunTracker:
    """What is logged, saved and kept of one run while its steps are taken: `open`, `after` every step, `close`.

    `validate` gives the validation split's metrics for a state; without it the last weights are kept. `shown` tells
    whether it has a progress bar.
    """

    def __init__(
        self,
        plan: LoopConfig,
        folder: RunDir,
        validate: Callable[[TrainState], dict[str, float]] | None,
        learning_rate: Callable[[int], float],
        shown: bool = True,
    ) -> None:
        self.plan, self.folder, self.validate, self.learning_rate = (
            plan,
            folder,
            validate,
            learning_rate,
        )
        self.shown = shown
        self.progress, self.best = Progress(), {}
        self._checkpoints = Checkpoints(folder.checkpoints)

    @property
    def ended(self) -> bool:
        """Whether no step is left to take."""
        stale = 0 < self.plan.patience <= self.progress.stale_epochs
        at_end = is_multiple(self.progress.step, self.plan.steps_per_epoch) and stale
        return at_end or self.progress.step >= self.plan.steps

    def open(self, state: TrainState) -> TrainState:
        """The state of the latest checkpoint, or `state` where there is none; what was logged since is forgotten."""
        self.best = snapshot(state)
        if self._checkpoints.latest is not None:
            state, self.best, saved = self._checkpoints.restore(state)
            self.progress = Progress(**saved)
        self.folder.rewind(self.progress.step)
        self._log = RunLog(self.folder, self.progress, self.plan, self.learning_rate, self.shown)
        return state

    def after(
        self, metrics: dict[str, Any], current: Callable[[], TrainState], interrupted: bool
    ) -> None:
        """Takes note of a step. `current` gives the state, and is only asked where it is kept or validated.

        Raises Interrupted after a clean save, and UserError when the loss is no longer finite.
        """
        plan, progress, log = self.plan, self.progress, self._log
        progress.step += 1
        log.add(metrics)
        epoch_ends = is_multiple(progress.step, plan.steps_per_epoch) or progress.step == plan.steps
        if epoch_ends or interrupted or is_multiple(progress.step, LOG_EVERY):
            log.glance()
        if epoch_ends:
            self._end_epoch(current())
        pause = time.monotonic() - log.saved >= plan.checkpoint_seconds
        if self.ended or interrupted or (epoch_ends and pause):
            log.saved = time.monotonic()
            progress.seconds = log.seconds()
            self._checkpoints.save(progress.step, current(), self.best, asdict(progress))
        if interrupted and not self.ended:
            raise InterruptedRun(f"stopped at step {progress.step} of {plan.steps}")

    def _end_epoch(self, state: TrainState) -> None:
        self._log.epoch("train")
        if self.validate is None:
            self.best = snapshot(state)
            return
        scores = self.validate(state)
        self._log.epoch("valid", scores)
        name, direction = self.plan.monitor
        if self.progress.keeps(scores[name], direction) or not self.plan.keep_best:
            self.best = snapshot(state)

    def close(self) -> None:
        self._log.close()
        self._checkpoints.close()


def fit(
    state: TrainState,
    update: Callable[[TrainState, Batch], tuple[TrainState, dict[str, Any]]],
    batch_at: Callable[[int], Batch],
    training: RunTracker,
) -> tuple[dict[str, Any], Progress]:
    """Trains `state` to the end of the plan; (the weights to keep {"params", "stats"}, progress).

    Raises as `Training.after` does.
    """
    state = training.open(state)
    steps = () if training.ended else range(training.progress.step, training.plan.steps)
    with PreemptionGuard() as interruption, closing(training):
        for current, metrics in iterate(state, update, map(batch_at, steps)):
            training.after(metrics, lambda current=current: current, interruption.requested)
            if training.ended:
                break
    return training.best, training.progress


class RunLog:
    """Rows, event files and the progress bar of one training."""

    def __init__(
        self,
        folder: RunDir,
        progress: Progress,
        plan: LoopConfig,
        learning_rate: Callable[[int], float],
        shown: bool,
    ) -> None:
        self._folder, self._progress, self._plan, self._rate = folder, progress, plan, learning_rate
        self._window: list[dict[str, Any]] = []
        self._events = folder.events(progress.step)
        self._bar = tqdm(
            total=plan.steps * plan.batch_size,
            initial=progress.step * plan.batch_size,
            desc="train",
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            disable=not shown,
        )
        self._before = progress.seconds
        self._started = self._epoch_started = self.saved = time.monotonic()
        self._epoch_images = 0

    def close(self) -> None:
        self._bar.close()
        self._events.close()

    def seconds(self) -> float:
        """Seconds of training so far, earlier starts of the same run included."""
        return self._before + time.monotonic() - self._started

    def add(self, metrics: dict[str, Any]) -> None:
        """Takes note of one step's metric sums without waiting for them."""
        self._window.append(metrics)
        self._bar.update(self._plan.batch_size)

    def glance(self) -> None:
        """Waits for the steps so far, adds them to the epoch's sums, and shows the loss."""
        progress = self._progress
        rate = float(self._rate(progress.step - 1))
        self._epoch_images += len(self._window) * self._plan.batch_size
        progress.sums = accumulate(progress.sums, self._window)
        self._window.clear()
        check_finite(progress.sums, progress.step, rate)
        self._bar.set_postfix(
            {name: f"{value:.3f}" for name, value in averages(progress.sums).items()}
        )

    def epoch(self, split: str, scores: dict[str, float] | None = None) -> None:
        """Logs a row: the epoch's own means for "train", `scores` for another split."""
        progress = self._progress
        row = {
            "step": progress.step,
            "epoch": -(-progress.step // self._plan.steps_per_epoch),
            "split": split,
        }
        if scores is None:
            speed = self._epoch_images / max(time.monotonic() - self._epoch_started, 1e-9)
            scores = averages(progress.sums)
            scores |= {
                "learning_rate": float(self._rate(progress.step - 1)),
                "images_per_second": speed,
            }
            progress.sums = {}
        self._epoch_started, self._epoch_images = (
            time.monotonic(),
            0,
        )  # validation is not training time
        self._folder.log({**row, **scores})
        for name, value in scores.items():
            self._events.add_scalar(f"{split}/{name}", value, progress.step)
