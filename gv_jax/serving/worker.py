"""One thread that calls the models; requests wait for it in a short queue.

Calls of the same function that arrive within a few milliseconds become one call of a larger batch.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

BatchFunction = Callable[[Sequence[Any]], Sequence[Any]]

QUEUE_LENGTH = 32
BATCH_SECONDS = 0.005
MAX_BATCH = 16
IDLE_SECONDS = 0.5  # without calls before work in advance begins: the next call is often near
SMOOTHING = 0.9  # of the mean time of a call


class BusyError(Exception):
    """The queue is full.

    Attributes:
        retry_seconds: When a place is likely to be free, rounded up.
    """

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(f"the server is busy: try again in {retry_seconds} s")
        self.retry_seconds = retry_seconds


class ExpiredError(Exception):
    """A call waited for longer than its time limit."""


@dataclass
class Call:
    """One item for a function of batches."""

    function: BatchFunction
    item: Any
    deadline: float
    result: Future = field(default_factory=Future)


class Worker:
    """Owns the models: functions given to `submit` run in its thread only.

    Args:
        queue_length: Number of calls that may wait.
        batch_seconds: How long the first call of a batch waits for others.
        max_batch: Number of items of a batch.
        idle_seconds: How long nothing must wait before the calls of `submit_idle` begin.

    Attributes:
        num_batches: Batches that were run.
        num_items: Items of these batches.
        num_refused: Calls that found the queue full.
    """

    def __init__(
        self,
        queue_length: int = QUEUE_LENGTH,
        batch_seconds: float = BATCH_SECONDS,
        max_batch: int = MAX_BATCH,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.queue_length, self.batch_seconds = queue_length, batch_seconds
        self.max_batch, self.idle_seconds = max_batch, idle_seconds
        self.num_batches = self.num_items = self.num_refused = 0
        self.mean_seconds = 0.1  # of a batch
        self._waiting: deque[Call] = deque()
        self._idle: deque[Call] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="gv_jax worker", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Number of waiting calls."""
        return len(self._waiting)

    def submit(self, function: BatchFunction, item: Any, seconds: float) -> Future:
        """Queues one item.

        Args:
            function: Items -> as many results; called with up to `max_batch` items at once.
            item: One of its items.
            seconds: Time limit; a call that has not begun by then ends with ExpiredError.

        Raises:
            BusyError: The queue is full.
        """
        call = Call(function, item, time.monotonic() + seconds)
        with self._changed:
            if self._closed:
                raise BusyError(1)
            if len(self._waiting) >= self.queue_length:
                self.num_refused += 1
                raise BusyError(self.estimate_wait())
            self._waiting.append(call)
            self._changed.notify()
        return call.result

    def submit_idle(self, function: BatchFunction, item: Any) -> Future:
        """Queues one item that is run when nothing else waits, such as a compilation in advance."""
        call = Call(function, item, math.inf)
        with self._changed:
            self._idle.append(call)
            self._changed.notify()
        return call.result

    def estimate_wait(self) -> int:
        """Seconds until half of the queue is done, at least 1 and at most 60."""
        batches = len(self._waiting) / 2
        return min(max(-int(-batches * self.mean_seconds // 1), 1), 60)

    def close(self) -> None:
        """Ends the thread after the batch that it runs; waiting calls end with BusyError."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        for call in (*self._waiting, *self._idle):
            if call.result.set_running_or_notify_cancel():
                call.result.set_exception(BusyError(1))
        self._waiting.clear()

    def _run(self) -> None:
        while calls := self._take():
            begin = time.monotonic()
            run_batch(calls)
            seconds = time.monotonic() - begin
            self.num_batches += 1
            self.num_items += len(calls)
            self.mean_seconds += (1 - SMOOTHING) * (seconds - self.mean_seconds)

    def _take(self) -> list[Call]:
        """Waits for a batch of calls of one function; empty when the worker is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._idle or self._closed)
                if self._closed:
                    return []
                if not self._waiting:
                    pause = self.idle_seconds if self.num_batches else 0  # the first begins at once
                    arrived = self._changed.wait_for(lambda: self._waiting or self._closed, pause)
                    if arrived or not self._idle:
                        continue
                    call = self._idle.popleft()
                    if begin_call(call):
                        return [call]
                    continue
                first = self._waiting.popleft()
                calls = [first] if begin_call(first) else []
                if calls:
                    self._add_others(calls)
                    return calls

    def _add_others(self, calls: list[Call]) -> None:
        """Adds waiting calls of the same function, and those that arrive within the time."""
        end = time.monotonic() + self.batch_seconds
        while len(calls) < self.max_batch and not self._closed:
            index = next(
                (
                    index
                    for index, call in enumerate(self._waiting)
                    if call.function == calls[0].function
                ),
                None,
            )
            if index is not None:
                call = self._waiting[index]
                del self._waiting[index]
                calls += [call] if begin_call(call) else []
            elif (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            else:
                return


def begin_call(call: Call) -> bool:
    """Whether the call is still wanted; one that waited too long ends with ExpiredError."""
    if not call.result.set_running_or_notify_cancel():
        return False
    if time.monotonic() > call.deadline:
        call.result.set_exception(ExpiredError())
        return False
    return True


def run_batch(calls: Sequence[Call]) -> None:
    """Runs the calls of one function; if a batch fails, its items are run one by one."""
    try:
        results = calls[0].function([call.item for call in calls])
        pairs = list(zip(calls, results, strict=True))
    except Exception as error:
        if len(calls) == 1:
            calls[0].result.set_exception(error)
            return
        for call in calls:
            run_batch([call])
        return
    for call, result in pairs:
        call.result.set_result(result)


def run_each(function: Callable[[Any], Any]) -> BatchFunction:
    """A function of batches that calls `function` for one item after the other."""

    def run(items: Sequence[Any]) -> list[Any]:
        return [function(item) for item in items]

    return run
