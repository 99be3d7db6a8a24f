"""Batches that are read, decoded and transferred ahead of their use, in background threads.

A batch is a pure function of its key, so the number of threads changes neither the batches nor
their order, and a stream can start at any key.
"""

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
OtherKey = TypeVar("OtherKey")


@dataclass(frozen=True)
class BatchReader(Generic[Key]):
    """A pure function from a key (a step, or the indices of rows) to a batch.

    Attributes:
        read: key -> batch. With `threads`, it is called by several threads at once.
        threads: number of threads that read ahead in a stream; 0: batches are read on demand.
        prefetch: batches of a stream that are read, or being read, before they are needed.
        resident: arrays by name, [n ...], on the devices, if batches are rows of these; else None.
    """

    read: Callable[[Key], Any]
    threads: int = 0
    prefetch: int = 1
    resident: Any = None

    def __call__(self, key: Key) -> Any:
        """The batch of `key`, read in the calling thread."""
        return self.read(key)

    def select(self, key_of: Callable[[OtherKey], Key]) -> "BatchReader[OtherKey]":
        """A reader whose keys are mapped to those of this one by `key_of`."""
        read = self.read
        # `replace` is typed as keeping the type of the keys, which changes here.
        return replace(self, read=lambda key: read(key_of(key)))  # pyright: ignore[reportReturnType]

    def stream(self, keys: Sequence[Key]) -> Generator[Any, None, None]:
        """The batches of `keys` in order. Close the iterator, or exhaust it, to end the threads.

        An error of `read` is raised where its batch would have been.
        """
        if not self.threads:
            return (self.read(key) for key in keys)
        return self._read_ahead(keys)

    def _read_ahead(self, keys: Sequence[Key]) -> Generator[Any, None, None]:
        import grain  # slow to import, and not needed for data in memory

        workers: set[threading.Thread] = set()

        def read(position: int) -> Any:
            workers.add(threading.current_thread())
            return self.read(keys[position])

        options = grain.ReadOptions(
            num_threads=self.threads, prefetch_buffer_size=max(self.prefetch, 1)
        )
        batches = iter(grain.MapDataset.range(len(keys)).map(read).to_iter_dataset(options))
        try:
            yield from batches
        finally:
            batches.close()
            for worker in workers - {threading.current_thread()}:  # Grain does not wait for them
                worker.join()
