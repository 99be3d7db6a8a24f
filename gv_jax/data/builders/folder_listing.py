"""Lists the files of a user's folder without opening or changing any of them.

Files without a suffix are an exception: their first bytes show whether they are images.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from gv_jax.data.builders.content_hash import content_digest
from gv_jax.data.builders.file_list import FileEntry, FileList, escape_name
from gv_jax.data.builders.system_files import is_system_name
from gv_jax.data.formats.magic import MAGIC_SIZE, is_image_magic
from gv_jax.data.natural_order import natural_key
from gv_jax.errors import UserError
from gv_jax.wording import count_noun

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".gif", ".webp"),
    *(".tif", ".tiff", ".tga", ".dds", ".avif", ".ico"),
)
MAX_SUFFIXES = 8  # listed with their number of files
MAX_SUFFIX_LENGTH = 12  # with the dot; what is longer is no suffix but part of a name
NO_SUFFIX = ""  # key of `FolderListing.left_out` for files without a suffix


@dataclass(frozen=True)
class FolderListing:
    """What a folder contains.

    Attributes:
        files: files that are read, in natural order.
        folders: names of all folders at any depth, as in `FileEntry`, in natural order.
        problems: (path, reason) of what cannot be listed.
        left_out: suffix in lower case -> number of the files that are not read.
    """

    files: Sequence[FileEntry] = ()
    folders: tuple[str, ...] = ()
    problems: tuple[tuple[Path, str], ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def scan(folder: Path, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> FolderListing:
    """All files with one of `suffixes` at any depth, and images without any suffix.

    System files and hidden files are ignored (`is_system_name`). Links are followed. Problems are:
    a link to a folder that contains it, a dangling link, a folder that cannot be opened, and
    anything with one of `suffixes` that is no regular file.
    """
    files: list[str] = []
    folders: list[str] = []
    problems: list[tuple[Path, str]] = []
    left_out: list[str] = []
    pending: list[tuple[Path, str, frozenset[tuple[int, int]]]] = [(folder, "", frozenset())]
    while pending:  # not recursive: folders can be nested deeper than calls
        parent, prefix, ancestors = pending.pop()
        try:
            ancestors |= {_identity(parent)}
            with os.scandir(parent) as scanned:
                entries = [entry for entry in scanned if not is_system_name(entry.name)]
        except OSError as error:
            problems.append((parent, f"cannot be opened ({error.strerror})"))
            continue
        for entry in entries:
            path, name = parent / entry.name, prefix + entry.name
            try:
                kind = _classify(entry, path, ancestors, suffixes)
            except OSError as error:
                problems.append((path, f"cannot be opened ({error.strerror})"))
                continue
            if kind == "folder":
                folders.append(escape_name(name))
                pending.append((path, name + "/", ancestors))
            elif kind == "read":
                files.append(name)
            elif kind == "left out":
                left_out.append(escape_name(name))
            else:
                problems.append((path, kind))
    return FolderListing(
        FileList.from_names(folder, files),
        tuple(sorted(folders, key=natural_key)),
        tuple(sorted(problems)),
        count_suffixes(left_out),
    )


def files_digest(files: Sequence[FileEntry], root: Path) -> str:
    """SHA-256 of the names and contents of files; `root` is the folder of prepared data."""
    return content_digest(_NamedPaths(files), root)


class _NamedPaths:
    """(name, path) of each file, any number of times."""

    def __init__(self, files: Sequence[FileEntry]):
        self._files = files

    def __iter__(self) -> Iterator[tuple[str, Path]]:
        return ((file.name, file.path) for file in self._files)


def count_suffixes(names: Iterable[str]) -> dict[str, int]:
    """Suffix in lower case -> number of the files, as in `FolderListing.left_out`."""
    return dict(sorted(Counter(map(_suffix, names)).items()))


def describe_left_out(folder: PurePath | str, left_out: Mapping[str, int]) -> list[str]:
    """["FOLDER: left out 12 .psd, 3 .txt and 1 file without a suffix: ..."], or [].

    Args:
        folder: the listed folder.
        left_out: as in `FolderListing`.
    """
    if not left_out:
        return []
    listed = describe_counts(left_out)
    return [f"{escape_name(str(folder))}: left out {listed}, which this data set does not read"]


def describe_counts(left_out: Mapping[str, int]) -> str:
    """ "12 .psd, 3 .txt and 1 file without a suffix" of `FolderListing.left_out`."""
    counts = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    parts = [
        f"{count:,} {suffix}"
        if suffix != NO_SUFFIX
        else f"{count_noun(count, 'file')} without a suffix"
        for suffix, count in counts[:MAX_SUFFIXES]
    ]
    others = sum(count for _, count in counts[MAX_SUFFIXES:])
    parts += [count_noun(others, "file") + " with other suffixes"] if others else []
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]


def check_outside(target: Path, folder: Path, content: str, option: str) -> None:
    """Checks that nothing is written into the user's folder, where it would be read as data.

    Args:
        target: folder that is written.
        folder: the user's folder, or one file, which contains nothing.
        content: what is written, for the message, as in "the prepared data".
        option: command-line option that sets `target`, for the message.

    Raises:
        UserError: `target` is `folder` or lies in it.
    """
    # os.path.realpath, because Path.resolve fails on a circle of links
    outer = os.path.realpath(folder.expanduser())
    if Path(os.path.realpath(target.expanduser())).is_relative_to(outer):
        raise UserError(
            f"{folder}: {content} ({target}) would be written inside the folder of images. "
            f"Choose another folder with {option}=DIR."
        )


def check_root_outside(root: Path, folder: Path) -> None:
    """`check_outside` for prepared data."""
    check_outside(Path(root), folder, "the prepared data", "--config.data.root")


def _classify(
    entry: os.DirEntry[str],
    path: Path,
    ancestors: frozenset[tuple[int, int]],
    suffixes: tuple[str, ...],
) -> str:
    """ "folder", "read", "left out", or the reason why the entry is a problem.

    Args:
        entry: of the folder.
        path: its full path.
        ancestors: device and inode of every folder that contains it.
        suffixes: those of the files that are read.
    """
    if entry.is_dir():
        is_circle = _identity(path) in ancestors
        return "is a link to a folder that contains it" if is_circle else "folder"
    if entry.is_symlink() and not os.path.exists(path):
        return f"is a dangling link to {escape_name(os.readlink(path))}"
    if entry.name.lower().endswith(suffixes):
        return "read" if entry.is_file() else "is no regular file"
    is_image = _suffix(entry.name) == NO_SUFFIX and entry.is_file() and _has_image_magic(path)
    return "read" if is_image else "left out"


def _has_image_magic(path: Path) -> bool:
    with path.open("rb") as file:
        return is_image_magic(file.read(MAGIC_SIZE))


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if len(suffix) <= MAX_SUFFIX_LENGTH and " " not in suffix else NO_SUFFIX
