"""Duration of the parts of a run, its peak memory, and advice when memory runs out."""

import copy
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from gv_jax.errors import UserError


class Timer:
    """Seconds per part of a run, in `laps`, and of these the seconds of waiting, in `waiting`."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.waiting: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """Ends the part `name`, which started when the last part ended."""
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now

    def fork(self) -> "Timer":
        """A copy with the parts so far, whose next part starts now."""
        timer = copy.deepcopy(self)
        timer._last = time.monotonic()
        return timer

    def timing(self) -> dict[str, float]:
        """Seconds of every part and in total, and the peak memory of this process in MB."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        megabytes = peak / (2**20 if sys.platform == "darwin" else 2**10)
        laps = {name: round(seconds, 2) for name, seconds in self.laps.items()}
        total = round(sum(laps.values()), 2)
        waiting = {name: round(seconds, 2) for name, seconds in self.waiting.items()}
        return {**laps, **waiting, "total_s": total, "peak_memory_mb": round(megabytes)}


@contextmanager
def explain_oom(batch_size: int) -> Iterator[None]:
    """Inside `with`, turns an out-of-memory error into a UserError that names a batch size."""
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise UserError(
            f"out of memory with batches of {batch_size} images: try "
            f"--config.train.batch_size={max(batch_size // 2, 1)} "
            "(with --config.optimizer.grad_accum_steps=2 for as many images per update), "
            "a smaller --config.data.size or --config.train.device_cache_mb=0"
        ) from error
