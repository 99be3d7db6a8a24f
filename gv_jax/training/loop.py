"""The training loop: a generator that the caller logs, evaluates and saves from."""

import signal
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

import jax
import numpy as np

from gv_jax.errors import UserError
from gv_jax.training.step import Batch, TrainState

MetricSums = dict[str, float]
Metrics = TypeVar("Metrics")  # what a step says: metric sums, or those of every member


def iterate(
    state: TrainState,
    update: Callable[[TrainState, Batch], tuple[TrainState, Metrics]],
    batches: Iterable[Batch],
) -> Iterator[tuple[TrainState, Metrics]]:
    """Yields (state, metric sums) after every call of `update`; the caller logs, evaluates and saves."""
    for batch in batches:
        state, metrics = update(state, batch)
        yield state, metrics


def is_multiple(step: int, every: int) -> bool:
    """Whether `step` (counted from 1) ends a stretch of `every` steps; never where `every` is 0."""
    return every > 0 and step % every == 0


def accumulate_sums(sums: MetricSums, window: list[dict[str, jax.Array]]) -> MetricSums:
    """`sums` with the steps of `window` added, in float64 on the host."""
    total = dict(sums)
    for metrics in jax.device_get(window):
        for name, value in metrics.items():
            total[name] = total.get(name, 0.0) + float(value)
    return total


def averages(sums: MetricSums) -> dict[str, float]:
    """Every metric's sum divided, once, by the count."""
    return {name: value / sums["count"] for name, value in sums.items() if name != "count"}


def check_finite(sums: MetricSums, step: int, learning_rate: float) -> None:
    """UserError with advice once the loss is no longer a number."""
    if not np.isfinite(sums["loss"]):
        raise UserError(
            f"the loss is no longer finite by step {step} (learning rate {learning_rate:.2g}): start again in a new "
            f"--workdir with a smaller --config.optimizer.learning_rate (try {learning_rate / 10:.2g}), "
            "--config.optimizer.clip_norm=1.0 or a longer --config.optimizer.warmup_epochs"
        )


class PreemptionGuard:
    """Inside `with`, SIGTERM and Ctrl-C only set `requested`: the loop saves and ends by itself."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "PreemptionGuard":
        self._before: dict[int, Any] = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
