"""Output files that are complete or absent."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_partial(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to; it becomes `path`, or is removed after an error.

    Its name is short, so that every name that the file system takes can be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:12]}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
