"""What a person did wrong and can mend, in one line: what, where, and what to do."""

import difflib
import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# What the system says where nothing can be written. Native libraries pass on the text only.
UNWRITABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.ELOOP),
)

LOST_STATUS = 69  # EX_UNAVAILABLE of sysexits.h: another process of the run is gone
INTERRUPTED_STATUS = 130  # exit status of a command that Ctrl-C or SIGTERM ended, as in shells

FULL_DISK_OF_TFDS = "Not enough disk space"  # an OSError without errno
QUOTED_PATH = re.compile(r'"(/[^"\n]+)"')


class UserError(Exception):
    """Shown as one line, without a traceback; the command line exits with `exit_status`."""

    exit_status = 2

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in a notebook."""
        return [f"gv_jax: {self}"]


def unknown(kind: str, name: str, valid: Iterable[str]) -> UserError:
    """The error for a name that is in no table: says the nearest valid name, then all of them."""
    valid = sorted(valid)
    near = difflib.get_close_matches(str(name), valid, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserError(f"no {kind} is called {name!r}{hint} Valid: {', '.join(valid)}")


class Unwritable(NamedTuple):
    """Why a file cannot be written.

    Attributes:
        file: Its path; "" if unknown.
        reason: What the system says.
    """

    file: str
    reason: str


def explain_unwritable(error: BaseException) -> UserError | None:
    """The line for an error whose cause is that a file cannot be written; None for any other."""
    found = find_unwritable(error)
    if found is None:
        return None
    place = f"{found.file}: " if found.file else ""
    return UserError(
        f"{place}cannot be used ({found.reason}): check space and permissions, or give another "
        "folder; the same command continues with what was saved"
    )


def find_unwritable(error: BaseException) -> Unwritable | None:
    """The file that cannot be written, if that is the cause of an error.

    Args:
        error: as Python or a native library raised it; its causes are searched too.
    """
    for cause in iter_causes(error):
        number = getattr(cause, "errno", None)
        file = getattr(cause, "filename", None)
        if number is None:
            text = str(cause)
            match = QUOTED_PATH.search(text)
            file = match[1] if match else None
            number = next((code for code in UNWRITABLE if os.strerror(code) in text), None)
            number = errno.ENOSPC if FULL_DISK_OF_TFDS in text else number
        is_closed = number == errno.ENOENT and _is_in_closed_folder(file)
        if number is not None and (number in UNWRITABLE or is_closed):
            return Unwritable(str(file or ""), os.strerror(number))
    return None


def _is_in_closed_folder(file: object) -> bool:
    """Whether a file is missing in a folder that takes no files, such as /proc."""
    if not isinstance(file, str) or not os.path.isdir(folder := os.path.dirname(file) or "."):
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return False
    except OSError:
        return True


@contextmanager
def locate_unwritable(folder: Path) -> Iterator[None]:
    """Inside `with`, errors of a full disk that name no file get `folder` as their file name.

    Writing to an open file raises such errors.
    """
    try:
        yield
    except Exception as error:
        for cause in iter_causes(error):
            if isinstance(cause, OSError) and cause.errno in UNWRITABLE and not cause.filename:
                cause.filename = str(folder)
        raise


def iter_causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what caused it, and so on; each once, as causes can form a circle."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
