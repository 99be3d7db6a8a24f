"""What lies in a person's folder, found by listing alone: no file is opened, none is changed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


@dataclass(frozen=True)
class FileEntry:
    """A regular file with a suffix looked for. `name` is relative to the folder, with / between its parts."""

    name: str
    path: Path
    size: int
    changed_ns: int


@dataclass(frozen=True)
class FolderListing:
    """Files sorted by name; sub-folders by name; and (path, why) of what could not be listed."""

    files: tuple[FileEntry, ...] = ()
    folders: tuple[str, ...] = ()
    problems: tuple[tuple[Path, str], ...] = ()


def scan(folder: Path, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> FolderListing:
    """All files with one of `suffixes` at any depth. Names that begin with a dot and other files are passed over.

    Links are followed; one that leads back to a folder it lies in is a problem, as is a folder that may not
    be opened, a dangling link, and anything else with such a suffix that is not a file.
    """
    found: list[FileEntry] = []
    folders: list[str] = []
    problems: list[tuple[Path, str]] = []
    for entry in _walk(folder, "", frozenset(), problems, suffixes):
        match entry:
            case FileEntry():
                found.append(entry)
            case str():
                folders.append(entry)
    return FolderListing(
        tuple(sorted(found, key=lambda file: file.name)), tuple(sorted(folders)), tuple(problems)
    )


def _walk(
    folder: Path,
    prefix: str,
    above: frozenset,
    problems: list[tuple[Path, str]],
    suffixes: tuple[str, ...],
) -> Iterator[FileEntry | str]:
    try:
        status = folder.stat()
        above |= {(status.st_dev, status.st_ino)}
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        problems.append((folder, f"cannot be opened ({error.strerror})"))
        return
    for entry in ordered:
        path, name = folder / entry.name, prefix + _text(entry.name)
        if entry.name.startswith("."):
            continue
        try:
            if entry.is_dir():
                status = os.stat(path)
                if (status.st_dev, status.st_ino) in above:
                    problems.append((path, "is a link to a folder that it lies in"))
                    continue
                yield name
                yield from _walk(path, name + "/", above, problems, suffixes)
            elif entry.name.lower().endswith(suffixes):
                if not entry.is_file():
                    problems.append((path, "is a link to nothing, or no regular file"))
                    continue
                status = entry.stat()
                yield FileEntry(name, path, status.st_size, status.st_mtime_ns)
        except OSError as error:
            problems.append((path, f"cannot be opened ({error.strerror})"))


def _text(name: str) -> str:
    """Bytes of a file name that are no UTF-8 become escapes, so that the name can be stored and shown."""
    return name.encode("utf-8", "backslashreplace").decode()
