"""Sorts image files into class folders; a manifest makes it resumable and reversible."""

import errno
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from gv_jax.data.class_folders import UNSURE
from gv_jax.errors import UserError
from gv_jax.inference.files.input_files import ImageSource
from gv_jax.inference.files.path_text import escape_path
from gv_jax.inference.files.zip_members import ZipFiles
from gv_jax.inference.sorting.manifest import (
    COPY,
    FOLDER,
    LINK,
    MANIFEST,
    MOVE,
    OPERATIONS,
    START,
    TIME,
    Entry,
    Journal,
    Manifest,
    read_manifest,
)

LOCK = ".manifest.lock"
PARTIAL = ".gv_jax.partial"  # a copy that is being written
# After these no other file can be written either
FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class SortedFolder:
    """A folder that images are sorted into; see `open_sorted_folder`.

    Attributes:
        path: The folder.
        operation: "copy", "link" or "move".
        folders: Class -> its folder.
        problems: (path as text, reason) of files that could not be placed.
        counts: Folder -> number of images in it.
        num_resumed: Number of images that were there before.
    """

    def __init__(
        self, path: Path, journal: Journal, manifest: Manifest, folders: Mapping[str, str]
    ) -> None:
        self.path, self.folders = path, folders
        self.operation: str = manifest.settings["operation"]
        self.problems: list[tuple[str, str]] = []
        self._journal, self._zips = journal, ZipFiles()
        self._placed = find_placed(path, manifest)
        self._timed = {entry.source for entry in manifest.entries if entry.operation == TIME}
        self.num_resumed = len(self._placed)
        self.counts = Counter(PurePosixPath(name).parts[0] for name in self._placed.values())

    def remaining(self, sources: Iterable[ImageSource]) -> list[ImageSource]:
        """The sources that have not been placed yet."""
        return [source for source in sources if key_of(source) not in self._placed]

    def place(self, sources: Sequence[ImageSource], entries: Sequence[Entry]) -> None:
        """Copies, links or moves a batch of images, after it is written in the manifest.

        Args:
            sources: The images.
            entries: What is known of each; this method sets operation, target, source and time.

        Raises:
            OSError: The disk is full or read-only.
        """
        planned: list[tuple[ImageSource, Entry]] = []
        for source, entry in zip(sources, entries, strict=True):
            folder = UNSURE if entry.uncertain == "yes" else self.folders[entry.label]
            target = f"{folder}/{source.name}"
            try:
                if os.path.lexists(self.path / target):
                    raise FileExistsError(errno.EEXIST, f"{escape_path(target)} exists")
                planned.append((source, self._complete(source, entry, target)))
            except OSError as error:
                self._note(source, error)
        missing = self._missing_folders([entry.target for _, entry in planned])
        self._journal.append(
            [
                *(Entry(FOLDER, name) for name in missing),
                *self._list_times([source for source, _ in planned]),
                *(entry for _, entry in planned),
            ]
        )
        for name in missing:
            try:
                (self.path / name).mkdir(exist_ok=True)
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
        for source, entry in planned:
            try:
                carry_out(entry, self.path, self._zips)
            except OSError as error:
                self._note(source, error)
            else:
                self._placed[entry.key] = entry.target
                self.counts[PurePosixPath(entry.target).parts[0]] += 1

    def _complete(self, source: ImageSource, entry: Entry, target: str) -> Entry:
        path, member = key_of(source)
        time_ns = member_time_ns(self._zips, source) if member else source.path.stat().st_mtime_ns
        return Entry(
            self.operation,
            target,
            path,
            member,
            entry.label,
            entry.probability,
            entry.uncertain,
            entry.unfamiliar,
            time_ns,
            entry.sha256,
        )

    def _list_times(self, sources: Iterable[ImageSource]) -> list[Entry]:
        """The times of the folders that files are moved out of for the first time."""
        if self.operation != MOVE:
            return []
        parents = {os.path.dirname(os.path.abspath(source.path)) for source in sources}
        new = sorted(parents - self._timed)
        self._timed.update(new)
        return [Entry(TIME, "", path, mtime_ns=os.stat(path).st_mtime_ns) for path in new]

    def _missing_folders(self, targets: Iterable[str]) -> list[str]:
        """Folders of the targets that do not exist, outer ones first."""
        needed = {parent for name in targets for parent in PurePosixPath(name).parents}
        ordered = sorted(map(str, needed - {PurePosixPath(".")}))
        return [name for name in ordered if not (self.path / name).is_dir()]

    def _note(self, source: ImageSource, error: OSError) -> None:
        if error.errno in FATAL:
            error.filename = str(self.path)  # Python names the source
            raise error
        if error.errno == errno.EXDEV:  # as between two mounts of one device
            raise UserError(
                f"{source}: is on another device than {self.path}, so it can only be copied; leave "
                f"out --{self.operation}, or give a folder on the same device"
            ) from error
        self.problems.append((str(source), f"not sorted: {error.strerror or error}"))


@contextmanager
def open_sorted_folder(
    path: Path, settings: Mapping[str, Any], folders: Mapping[str, str]
) -> Iterator[SortedFolder]:
    """Opens a new folder, or one that the same command began to fill.

    Args:
        path: The folder.
        settings: What distinguishes commands, with "operation", as JSON types.
        folders: Class -> its folder.

    Raises:
        UserError: The folder holds other files, belongs to another command, or is in use.
    """
    manifest = check_folder(path, settings)
    created = [str(folder) for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    with lock_folder(path):
        stated = {**settings, "created_folders": len(created)}
        journal = Journal(path / MANIFEST, stated)
        remove_partials(path, manifest.entries if manifest else ())
        try:
            yield SortedFolder(path, journal, manifest or Manifest(stated, ()), folders)
        finally:
            journal.close()


def check_folder(path: Path, settings: Mapping[str, Any]) -> Manifest | None:
    """The manifest of an earlier command that the same command resumes; None for a new folder.

    Raises:
        UserError: The folder holds other files, or belongs to another command.
    """
    if not path.exists():
        return None
    if not path.is_dir():
        raise UserError(f"{path}: is a file; give another folder with --sort-into")
    file = path / MANIFEST
    if not file.exists():
        if set(os.listdir(path)) - {LOCK, START}:
            raise UserError(
                f"{path}: holds files and no {MANIFEST}; give a new folder with --sort-into"
            )
        return None
    manifest = read_manifest(file)
    changed = [name for name in settings if manifest.settings.get(name) != settings[name]]
    if changed:
        name = changed[0]
        raise UserError(
            f"{path}: was sorted with {name} {manifest.settings.get(name)}, and this command has "
            f"{settings[name]}; give another folder, or undo it first with gv-jax predict --undo "
            f"{file}"
        )
    return manifest


@contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Keeps other commands out of the folder.

    Raises:
        UserError: Another process sorts into it.
    """
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"{path}: another process sorts images into it; wait for it") from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows does not remove an open file
            (path / LOCK).unlink(missing_ok=True)
        lock.release()


def carry_out(entry: Entry, folder: Path, zips: ZipFiles) -> None:
    """Copies, links or moves one file; never overwrites one.

    Raises:
        OSError: It is not possible; the source is as it was.
    """
    target, source = folder / entry.target, Path(entry.source)
    if entry.operation == LINK:
        os.link(source, target)
    elif entry.operation == MOVE:
        rename(source, target)
    else:
        partial = target.with_name(PARTIAL)
        try:
            if entry.member:
                partial.write_bytes(zips.read(source, entry.member))
                os.utime(partial, ns=(entry.mtime_ns, entry.mtime_ns))
            else:
                shutil.copy2(source, partial)
            rename(partial, target)
        finally:
            partial.unlink(missing_ok=True)


def rename(source: Path, target: Path) -> None:
    """Renames a file; raises FileExistsError if the target exists."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source, target)


def find_placed(folder: Path, manifest: Manifest | None) -> dict[tuple[str, str], str]:
    """`Entry.key` -> target of the rows that have been carried out."""
    entries = manifest.entries if manifest else ()
    return {entry.key: entry.target for entry in entries if is_placed(folder, entry)}


def is_placed(folder: Path, entry: Entry) -> bool:
    """Whether the operation of a row has been carried out."""
    if entry.operation not in OPERATIONS or not os.path.lexists(folder / entry.target):
        return False
    return entry.operation != MOVE or not os.path.lexists(entry.source)


def remove_partials(folder: Path, entries: Iterable[Entry]) -> None:
    """Removes the unfinished copy of a killed command."""
    parents = {(folder / entry.target).parent for entry in entries if entry.operation == COPY}
    for parent in parents:
        (parent / PARTIAL).unlink(missing_ok=True)


def key_of(source: ImageSource) -> tuple[str, str]:
    """`Entry.key` of a source."""
    return os.path.abspath(source.path), source.member


def member_time_ns(zips: ZipFiles, source: ImageSource) -> int:
    """Time of the last change of a member, in ns since 1970."""
    date = zips.date_of(source.path, source.member)
    try:
        return int(time.mktime((*date, 0, 0, -1))) * 10**9
    except (OverflowError, ValueError):  # not a date
        return 0
