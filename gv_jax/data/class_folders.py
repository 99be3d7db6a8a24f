"""Folder names for classes that every system takes."""

import re
from collections.abc import Iterable, Sequence

UNSURE = "_unsure"  # folder of uncertain images
RESERVED = re.compile(  # devices of Windows, with any suffix, and names that sorting itself uses
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?|_unsure|manifest\.csv", re.IGNORECASE
)
INVALID = re.compile(r'[<>:"/\\|?*]')
MAX_BYTES = 200  # of a name; file systems take 255


def name_folders(classes: Sequence[str]) -> dict[str, str]:
    """Class -> its folder, the class name itself where that is possible.

    Characters that Windows or Linux does not take become _, as do dots at the start and dots and
    spaces at the end; reserved names get _ at the end, and names that are equal but for case _2, _3
    and so on.
    """
    taken: set[str] = set()
    folders: dict[str, str] = {}
    for name in sorted(classes, key=lambda name: to_file_name(name) != name):  # exact ones first
        stem = to_file_name(name)
        folder = next(name for name in _iter_candidates(stem) if name.casefold() not in taken)
        taken.add(folder.casefold())
        folders[name] = folder
    return {name: folders[name] for name in classes}


def to_file_name(name: str) -> str:
    """A name as every system takes it, as of `name_folders`, of at most MAX_BYTES."""
    text = "".join(char if char.isprintable() else "_" for char in INVALID.sub("_", name))
    text = text.encode("utf-8", "replace")[:MAX_BYTES].decode("utf-8", "ignore")
    inner = text.rstrip(". ")
    text = inner + "_" * (len(text) - len(inner))
    text = re.sub(r"^\.+", lambda dots: "_" * len(dots[0]), text) or "_"
    return text + "_" if RESERVED.fullmatch(text) else text


def _iter_candidates(stem: str) -> Iterable[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}_{number}"
        number += 1
