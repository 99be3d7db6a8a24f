"""Output files that are complete or absent."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gv_jax.errors import UserError
from gv_jax.inference.files.path_text import escape_path


@contextmanager
def write_partial(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to; it becomes `path`, or is removed after an error.

    Its name is short, so that every name that the file system takes can be written.

    Raises:
        OSError: The file cannot be written; it names `path`, or the folder that cannot be made.
        UserError: Another process wrote or removed it at the same time.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise _make_error(errno.ENOTDIR, error.filename) from error
    if path.is_dir():
        raise _make_error(errno.EISDIR, path)
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    partial = path.with_name(f".{digest}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if str(error.filename) != str(partial):
            raise
        if error.errno == errno.ENOENT:
            raise UserError(
                f"{escape_path(path)} vanished while it was written: if another command writes to "
                "this folder, let it end; then repeat this one"
            ) from error
        error.filename = os.fspath(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def _make_error(number: int, path: str | Path) -> OSError:
    return OSError(number, os.strerror(number), os.fspath(path))
