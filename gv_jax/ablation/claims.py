"""Who works on which run, when several processes or machines share a folder and nothing else."""

import json
import os
import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: there the clock alone decides
    fcntl = None

BEAT = 10.0  # seconds between two signs of life
EXPIRY = 90.0  # seconds without one after which the worker, on another machine, is taken for dead
MACHINE = f"{socket.gethostname()}-{uuid.getnode():x}"


@dataclass(frozen=True)
class Claim:
    """A file `<name>.<generation>`, touched at every beat and locked while its worker, or a process that the worker
    gave `descriptor` to, lives.

    A claim is made by creating the file, which only one worker can. One whose worker has died is overruled by
    creating the next generation, which again only one worker can; a worker that was taken for dead sees at its next
    beat that its claim is no longer the last. A death on this machine shows by the lock, on another one by the
    time since the last beat, by the clock of the file system and not by those of the machines.
    """

    file: Path
    descriptor: int

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors for a process that is to hold the claim too, should this one be killed."""
        return (self.descriptor,) if fcntl is not None else ()

    def beat(self) -> bool:
        """Gives a sign of life; False if the claim has been overruled."""
        with suppress(FileNotFoundError):
            os.utime(self.file)
        return newest(self.file.parent, self.file.stem) == self.file

    def release(self) -> None:
        self.file.unlink(missing_ok=True)
        os.close(self.descriptor)


@contextmanager
def claimed(folder: Path, name: str) -> Iterator[Claim | None]:
    """The claim to the run `name`, or None while another worker has it; released at the end."""
    claim = take(folder, name)
    try:
        yield claim
    finally:
        if claim is not None:
            claim.release()


def take(folder: Path, name: str) -> Claim | None:
    """Claims the run `name` in `folder`, unless a living worker has it."""
    folder.mkdir(parents=True, exist_ok=True)
    last = newest(folder, name)
    if last is not None and not expired(last):
        return None
    number = 0 if last is None else generation(last) + 1
    file = folder / f"{name}.{number:06d}"
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR)
    except FileExistsError:  # another worker was faster
        return None
    lock(descriptor)
    os.write(descriptor, json.dumps({"machine": MACHINE, "pid": os.getpid()}).encode())
    for old in files(folder, name):
        if generation(old) < number:
            old.unlink(missing_ok=True)
    return Claim(file, descriptor)


def expired(file: Path) -> bool:
    """Whether the worker of this claim, and the process that it started, are taken for dead."""
    try:
        age = now(file.parent) - file.stat().st_mtime
        owner = json.loads(file.read_text("utf-8") or "{}")
    except FileNotFoundError:  # released
        return False
    if owner.get("machine") == MACHINE and fcntl is not None:
        return age > BEAT and free(file)
    return age > EXPIRY


def lock(descriptor: int) -> bool:
    """Locks an open file until every process that holds the descriptor has ended; False if it is locked."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def free(file: Path) -> bool:
    """Whether nobody holds the lock of `file`."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return lock(descriptor)
    finally:
        os.close(descriptor)


def now(folder: Path) -> float:
    """Seconds by the clock that stamps the files of `folder`."""
    probe = folder / f"now-{uuid.uuid4().hex}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def files(folder: Path, name: str) -> list[Path]:
    """Every generation of the claim to `name`, oldest first."""
    pattern = re.compile(re.escape(name) + r"\.\d{6}")
    return sorted(file for file in folder.iterdir() if pattern.fullmatch(file.name))


def newest(folder: Path, name: str) -> Path | None:
    return next(reversed(files(folder, name)), None)


def generation(file: Path) -> int:
    return int(file.suffix[1:])
