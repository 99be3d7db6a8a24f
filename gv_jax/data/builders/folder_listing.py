"""Lists the files of a user's folder without opening or changing any of them."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gv_jax.data.builders.content_hash import content_digest
from gv_jax.errors import UserError

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".gif", ".webp"),
    *(".tif", ".tiff", ".tga", ".dds", ".avif"),
)


@dataclass(frozen=True)
class FileEntry:
    """A regular file.

    Attributes:
        name: path relative to the listed folder, with / between its parts.
        path: full path.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class FolderListing:
    """Files and subfolders, both sorted by name, and (path, reason) of what cannot be listed."""

    files: tuple[FileEntry, ...] = ()
    folders: tuple[str, ...] = ()
    problems: tuple[tuple[Path, str], ...] = ()


def scan(folder: Path, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> FolderListing:
    """All files with one of `suffixes` at any depth.

    Names that begin with a dot are ignored. Links are followed. Problems are: a link to a folder
    that contains it, a dangling link, a folder that cannot be opened, and anything with one of
    `suffixes` that is no regular file.
    """
    files: list[FileEntry] = []
    folders: list[str] = []
    problems: list[tuple[Path, str]] = []
    for entry in _walk(folder, "", frozenset(), problems, suffixes):
        match entry:
            case FileEntry():
                files.append(entry)
            case str():
                folders.append(entry)
    return FolderListing(
        tuple(sorted(files, key=lambda file: file.name)), tuple(sorted(folders)), tuple(problems)
    )


def files_digest(files: Iterable[FileEntry], root: Path) -> str:
    """SHA-256 of the names and contents of files; `root` is the folder of prepared data."""
    return content_digest([(file.name, file.path) for file in files], root)


def check_root_outside(root: Path, folder: Path) -> None:
    """Checks that prepared data is not written into the user's folder.

    Raises:
        UserError: `root` is `folder` or lies in it.
    """
    # os.path.realpath, because Path.resolve fails on a circle of links
    if Path(os.path.realpath(root)).is_relative_to(os.path.realpath(folder)):
        raise UserError(
            f"{folder}: the prepared data ({root}) would be written inside the folder of images. "
            "Choose another folder with --config.data.root=DIR."
        )


def _walk(
    folder: Path,
    prefix: str,
    ancestors: frozenset[tuple[int, int]],
    problems: list[tuple[Path, str]],
    suffixes: tuple[str, ...],
) -> Iterator[FileEntry | str]:
    try:
        status = folder.stat()
        ancestors |= {(status.st_dev, status.st_ino)}
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        problems.append((folder, f"cannot be opened ({error.strerror})"))
        return
    for entry in ordered:
        path, name = folder / entry.name, prefix + _escape(entry.name)
        if entry.name.startswith("."):
            continue
        try:
            if entry.is_dir():
                status = os.stat(path)
                if (status.st_dev, status.st_ino) in ancestors:
                    problems.append((path, "is a link to a folder that contains it"))
                    continue
                yield name
                yield from _walk(path, name + "/", ancestors, problems, suffixes)
            elif entry.name.lower().endswith(suffixes):
                if not entry.is_file():
                    problems.append((path, "is a dangling link or no regular file"))
                    continue
                yield FileEntry(name, path)
        except OSError as error:
            problems.append((path, f"cannot be opened ({error.strerror})"))


def _escape(name: str) -> str:
    """A file name with escapes for bytes that are not UTF-8, so that it can be stored."""
    return name.encode("utf-8", "backslashreplace").decode()
