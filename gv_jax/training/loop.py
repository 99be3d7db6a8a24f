"""The training loop as a generator, sums of metrics, and the end of a run by a signal."""

import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

import jax
import numpy as np

from gv_jax.errors import UserError
from gv_jax.training.step import TrainState

MetricSums = dict[str, float]  # sums over samples by metric, and their "count"
Inputs = TypeVar("Inputs")  # of a call: its batch, or the indices of its batches
Metrics = TypeVar("Metrics")  # of a call: metric sums, or those of every member


def iterate(
    state: TrainState,
    call: Callable[[TrainState, Inputs], tuple[TrainState, Metrics]],
    inputs: Iterable[Inputs],
) -> Iterator[tuple[TrainState, Metrics]]:
    """Yields (state, metrics) after every call; the caller logs, evaluates and saves.

    Args:
        state: before the first step.
        call: (state, inputs) -> (state, metrics): one compiled training step, or several.
        inputs: of every call.
    """
    for each in inputs:
        state, metrics = call(state, each)
        yield state, metrics


class WaitTimer:
    """Seconds that a training waits for data, in `seconds`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def measure(self, inputs: Iterable[Inputs]) -> Iterator[Inputs]:
        """`inputs`, with the time that each takes to arrive added to `seconds`."""
        iterator = iter(inputs)
        while True:
            started = time.monotonic()
            try:
                each = next(iterator)
            except StopIteration:
                return
            self.seconds += time.monotonic() - started
            yield each


def is_multiple(step: int, every: int) -> bool:
    """Whether `step`, counted from 1, is a multiple of `every`; False if `every` is 0."""
    return every > 0 and step % every == 0


def count_steps(metrics: dict[str, jax.Array]) -> int:
    """The number of steps that the metric sums of a call are of: [] of one step, [k] of k."""
    return math.prod(metrics["count"].shape)


def accumulate_sums(sums: MetricSums, calls: list[dict[str, jax.Array]]) -> MetricSums:
    """`sums` plus the metric sums of all steps of `calls`, in float64 on the host."""
    total = dict(sums)
    for metrics in jax.device_get(calls):
        for name, values in metrics.items():
            for value in np.atleast_1d(values):
                total[name] = total.get(name, 0.0) + float(value)
    return total


def averages(sums: MetricSums) -> dict[str, float]:
    """The average of every metric over all samples."""
    return {name: value / sums["count"] for name, value in sums.items() if name != "count"}


def check_finite(sums: MetricSums, step: int, learning_rate: float) -> None:
    """Raises UserError if the loss is not finite.

    Args:
        sums: of the metrics of an epoch.
        step: the last step of `sums`.
        learning_rate: at that step.
    """
    if not np.isfinite(sums["loss"]):
        raise UserError(
            f"the loss is not finite at step {step} (learning rate {learning_rate:.2g}): train in "
            "a new --workdir with a smaller --config.optimizer.learning_rate "
            f"(try {learning_rate / 10:.2g}), with --config.optimizer.clip_norm=1.0 or with a "
            "longer --config.optimizer.warmup_epochs"
        )


class PreemptionGuard:
    """Inside `with`, SIGTERM and Ctrl-C only set `requested`, so that the loop can save and end."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "PreemptionGuard":
        self._previous_handlers: dict[int, Any] = {}
        for signum in (signal.SIGTERM, signal.SIGINT):
            self._previous_handlers[signum] = signal.signal(signum, self._request)
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._previous_handlers.items():
            signal.signal(signum, handler)

    def _request(self, signum: int, frame: FrameType | None) -> None:
        self.requested = True
