"""What a run prints and logs while it is trained: rows, TensorBoard events and a progress bar."""

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from gv_jax.training.loop import (
    MetricSums,
    WaitTimer,
    accumulate_sums,
    averages,
    check_finite,
    count_steps,
)
from gv_jax.training.run_dir import RunDir

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter


class RunLog:
    """Metrics of one run since `first_step`.

    Args:
        run_dir: of the run.
        first_step: 0, or the step at which the run is resumed.
        sums: metric sums of the current epoch so far.
        total_steps: of the whole run.
        steps_per_epoch: steps of an epoch.
        batch_size: images per step.
        schedule: step -> learning rate.
        waiting: how long the training waits for data.
        show_progress: whether there is a progress bar.
    """

    def __init__(
        self,
        run_dir: RunDir,
        first_step: int,
        sums: MetricSums,
        *,
        total_steps: int,
        steps_per_epoch: int,
        batch_size: int,
        schedule: Callable[[int], float],
        waiting: WaitTimer,
        show_progress: bool,
    ) -> None:
        self.sums = sums
        self._run_dir, self._schedule, self._waiting = run_dir, schedule, waiting
        self._steps_per_epoch, self._batch_size = steps_per_epoch, batch_size
        self._pending: list[dict[str, Any]] = []
        self._first_step, self._has_writer = first_step, False
        self._bar = tqdm(
            total=total_steps * batch_size,
            initial=first_step * batch_size,
            desc="train",
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            disable=not show_progress,
        )
        self._start_interval()

    def close(self) -> None:
        self._bar.close()
        if self._has_writer:
            self._writer.close()

    @cached_property
    def _writer(self) -> "SummaryWriter":
        """Opened with the first row: its import takes longer than the first steps."""
        self._has_writer = True
        return self._run_dir.tensorboard_writer(self._first_step)

    def add(self, metrics: dict[str, Any]) -> None:
        """Adds the metric sums of a call without waiting for them."""
        self._pending.append(metrics)
        self._bar.update(count_steps(metrics) * self._batch_size)

    def flush(self, step: int) -> None:
        """Waits for the steps so far, adds them to the sums of the epoch, and shows the loss.

        Raises:
            UserError: the loss is not finite.
        """
        self._epoch_images += sum(map(count_steps, self._pending)) * self._batch_size
        self.sums = accumulate_sums(self.sums, self._pending)
        self._pending.clear()
        check_finite(self.sums, step, self._learning_rate(step))
        shown = {name: f"{value:.3f}" for name, value in averages(self.sums).items()}
        self._bar.set_postfix(shown)

    def log_train_epoch(self, step: int) -> None:
        """Logs the averages of the epoch that ends at `step`, and starts the next one."""
        seconds = max(time.monotonic() - self._epoch_started, 1e-9)
        row = averages(self.sums)
        row["learning_rate"] = self._learning_rate(step)
        row["images_per_second"] = self._epoch_images / seconds
        row["data_wait"] = (self._waiting.seconds - self._waited_before) / seconds
        self.sums = {}
        self._log_row(step, "train", row)

    def log_valid_epoch(self, step: int, metrics: dict[str, float]) -> None:
        """Logs the metrics of the validation split."""
        self._log_row(step, "valid", metrics)

    def _log_row(self, step: int, split: str, metrics: dict[str, float]) -> None:
        epoch = -(-step // self._steps_per_epoch)
        self._run_dir.log({"step": step, "epoch": epoch, "split": split, **metrics})
        for name, value in metrics.items():
            self._writer.add_scalar(f"{split}/{name}", value, step)
        self._start_interval()  # excludes validation

    def _start_interval(self) -> None:
        self._epoch_started, self._epoch_images = time.monotonic(), 0
        self._waited_before = self._waiting.seconds

    def _learning_rate(self, step: int) -> float:
        return float(self._schedule(step - 1))
