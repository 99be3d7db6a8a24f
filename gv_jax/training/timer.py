"""How long the parts of a run take, how much memory it takes, and what to say when there is not enough."""

import copy
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from gv_jax.errors import UserError


class Timer:
    """Seconds per part of a run, in `laps`."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """Ends the part `name`, which began where the last one ended."""
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 2)
        self._last = now

    def fork(self) -> "Timer":
        """One of several that go on from here, each with the parts so far."""
        clock = copy.deepcopy(self)
        clock._last = time.monotonic()
        return clock

    def timing(self) -> dict[str, float]:
        """All parts, their sum, whichever start of the run they are of, and the most memory of this process (MB)."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        megabytes = peak / (2**20 if sys.platform == "darwin" else 2**10)
        total = round(sum(self.laps.values()), 2)
        return {**self.laps, "total_s": total, "peak_memory_mb": round(megabytes)}


@contextmanager
def explain_oom(batch_size: int) -> Iterator[None]:
    """Turns running out of memory into a line that names the batch size to try."""
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise UserError(
            f"out of memory with batches of {batch_size}: try --config.train.batch_size={max(batch_size // 2, 1)} "
            "(with --config.optimizer.grad_accum_steps=2 an update still sees as many pictures), a smaller "
            "--config.data.size or --config.train.device_cache_mb=0"
        ) from error
