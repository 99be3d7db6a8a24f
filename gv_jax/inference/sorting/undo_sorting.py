"""Undoes what a manifest records: every file is where it was, byte for byte."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gv_jax.data.formats.header import CorruptImageError
from gv_jax.inference.files.path_text import escape_path
from gv_jax.inference.files.zip_members import ZipFiles
from gv_jax.inference.sorting.manifest import (
    FOLDER,
    LINK,
    MANIFEST,
    MOVE,
    OPERATIONS,
    TIME,
    Entry,
    read_manifest,
)
from gv_jax.inference.sorting.sorted_folder import lock_folder, remove_partials, rename
from gv_jax.wording import count_noun


@dataclass
class Undone:
    """What was undone.

    Attributes:
        num_moved: Files that were moved back.
        num_removed: Copies that were removed.
        num_unlinked: Hard links that were removed.
        problems: (path as text, reason) of files that are left where they are.
        kept_folders: Folders that hold other files.
    """

    num_moved: int = 0
    num_removed: int = 0
    num_unlinked: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    kept_folders: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        """One line per file that is left, and the counts."""
        lines = [f"{path}: {reason}" for path, reason in self.problems]
        lines += [
            f"{escape_path(path)}: kept, as it holds other files" for path in self.kept_folders
        ]
        left = f"; left {count_noun(len(self.problems), 'file')}" if self.problems else ""
        done = []
        if self.num_moved or not (self.num_removed or self.num_unlinked):
            done.append(f"moved back {count_noun(self.num_moved, 'file')}")
        if self.num_removed:
            done.append(f"removed {count_noun(self.num_removed, 'copy', 'copies')}")
        if self.num_unlinked:
            done.append(f"removed {count_noun(self.num_unlinked, 'hard link')}")
        return "\n".join([*lines, f"{', '.join(done)}{left}"])


def undo_sorting(file: Path) -> Undone:
    """Moves files back, and removes copies, links and folders that nobody has changed since.

    The manifest is removed at the end unless files are left. Calling it again goes on.

    Args:
        file: The manifest.

    Raises:
        UserError: It is no manifest, or another process sorts into its folder.
        OSError: A file cannot be moved or removed.
    """
    if file.is_dir():
        file = file / MANIFEST
    manifest, folder = read_manifest(file), file.parent
    outcome, zips = Undone(), ZipFiles()
    with lock_folder(folder):
        remove_partials(folder, manifest.entries)
        for entry in iter_last_first(manifest.entries):
            if entry.operation == MOVE:
                _move_back(entry, folder, outcome)
            else:
                _remove_copy(entry, folder, outcome, zips)
        folders = {entry.target for entry in manifest.entries if entry.operation == FOLDER}
        for name in sorted(folders, reverse=True):  # inner ones first
            _remove_folder(folder / name, outcome)
        if not outcome.problems:
            _restore_times(manifest.entries)
            file.unlink()
    if not outcome.problems:
        parents = [folder, *folder.absolute().parents]
        for parent in parents[: manifest.settings.get("created_folders", 0)]:
            _remove_folder(parent, outcome)
    return outcome


def iter_last_first(entries: tuple[Entry, ...]) -> Iterator[Entry]:
    """The rows of files, last first; one that was repeated after a kill comes once."""
    seen: set[tuple[str, str, str]] = set()
    for entry in reversed(entries):
        key = (*entry.key, entry.target)
        if entry.operation in OPERATIONS and key not in seen:
            seen.add(key)
            yield entry


def _move_back(entry: Entry, folder: Path, outcome: Undone) -> None:
    target, source = folder / entry.target, Path(entry.source)
    if not os.path.lexists(target):
        if not os.path.lexists(source):
            _leave(outcome, target, "is gone, as is the original")
    elif os.path.lexists(source):
        _leave(outcome, target, f"is left: there is a new {escape_path(source)}")
    elif digest_file(target) != entry.sha256:
        _leave(outcome, target, "is left: it has changed since")
    else:
        source.parent.mkdir(parents=True, exist_ok=True)
        rename(target, source)
        outcome.num_moved += 1


def _remove_copy(entry: Entry, folder: Path, outcome: Undone, zips: ZipFiles) -> None:
    target, source = folder / entry.target, Path(entry.source)
    if not os.path.lexists(target):
        return
    if not source.is_file():
        _leave(outcome, target, f"is left: {escape_path(source)}, its original, is gone")
        return
    if entry.operation == LINK and target.samefile(source):
        is_same = True
    else:
        is_same = digest_file(target) == entry.sha256
        if is_same and digest_original(entry, zips) != entry.sha256:
            _leave(outcome, target, "is left: its original has changed since")
            return
    if is_same:
        target.unlink()
        if entry.operation == LINK:
            outcome.num_unlinked += 1
        else:
            outcome.num_removed += 1
    else:
        _leave(outcome, target, "is left: it has changed since")


def _remove_folder(folder: Path, outcome: Undone) -> None:
    if not folder.is_dir():
        return
    if any(folder.iterdir()):
        if not outcome.problems:
            outcome.kept_folders.append(folder)
        return
    folder.rmdir()


def _restore_times(entries: tuple[Entry, ...]) -> None:
    """Gives the folders that files were moved out of the time that they had before."""
    for entry in entries:
        if entry.operation == TIME and os.path.isdir(entry.source):
            os.utime(entry.source, ns=(os.stat(entry.source).st_atime_ns, entry.mtime_ns))


def _leave(outcome: Undone, path: Path, reason: str) -> None:
    outcome.problems.append((escape_path(path), reason))


def digest_file(path: Path) -> str:
    """SHA-256 of a file; "" if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def digest_original(entry: Entry, zips: ZipFiles) -> str:
    """SHA-256 of the file that was copied; "" if it cannot be read."""
    if not entry.member:
        return digest_file(Path(entry.source))
    try:
        return hashlib.sha256(zips.read(Path(entry.source), entry.member)).hexdigest()
    except CorruptImageError:
        return ""
