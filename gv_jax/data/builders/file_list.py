"""The files of a folder: names in one buffer, and all else made when it is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, overload

import numpy as np

from gv_jax.data.natural_order import natural_key
from gv_jax.data.string_array import StringArray


@dataclass(frozen=True)
class FileEntry:
    """A regular file.

    Attributes:
        name: path relative to the listed folder, with / between its parts.
        path: full path.
    """

    name: str
    path: Path


class FileList(Sequence[FileEntry]):
    """Files below a folder; in memory are their names and 8 bytes of each.

    Args:
        folder: that contains them at any depth.
        names: of files, relative to the folder, as the file system has them.
    """

    def __init__(self, folder: Path, names: StringArray):
        self._folder, self._names = folder, names

    @classmethod
    def from_names(cls, folder: Path, names: list[str]) -> "FileList":
        """The files in natural order; sorts `names` in place."""
        names.sort(key=lambda name: natural_key(escape_name(name)))
        return cls(folder, StringArray.from_strings(names))

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> FileEntry: ...
    @overload
    def __getitem__(self, index: slice) -> "FileList": ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return FileList(self._folder, self._names[index])
        return self._make_entry(self._names[index])

    def __iter__(self) -> Iterator[FileEntry]:
        return map(self._make_entry, self._names)

    def _make_entry(self, name: str) -> FileEntry:
        return FileEntry(escape_name(name), self._folder / name)


class ClassFiles(Sequence[tuple[str, FileEntry]]):
    """(class, file) of some files of a list, whose class is the name of a folder above them.

    Args:
        files: all files.
        rows: indices of the chosen ones: int [n].
        depth: of the class folders: 0 if they are in the listed folder.

    Attributes:
        rows: as above.
    """

    def __init__(self, files: Sequence[FileEntry], rows: np.ndarray, depth: int):
        self._files, self.rows, self._depth = files, rows, depth

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> tuple[str, FileEntry]: ...
    @overload
    def __getitem__(self, index: slice) -> "ClassFiles": ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ClassFiles(self._files, self.rows[index], self._depth)
        file = self._files[int(self.rows[index])]
        return PurePosixPath(file.name).parts[self._depth], file


def escape_name(name: str) -> str:
    """A name on one line, with escapes for bytes that are not UTF-8, to be stored or printed."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
