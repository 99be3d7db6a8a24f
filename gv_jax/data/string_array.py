"""Many strings in one buffer: a Python string takes 50 bytes more than its characters."""

import zipfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np


class StringArray(Sequence[str]):
    """Strings as UTF-8, one after the other; 8 bytes more than their characters in memory.

    Args:
        data: the encoded strings: uint8 [m].
        ends: the end of each in `data`: int64 [n].
    """

    def __init__(self, data: np.ndarray, ends: np.ndarray):
        self.data, self.ends = data, ends

    @classmethod
    def from_strings(cls, strings: Iterable[str]) -> "StringArray":
        """The array of `strings`, which may be an iterator."""
        writer = StringWriter()
        for string in strings:
            writer.append(string)
        return writer.to_array()

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "StringArray": ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        position = range(len(self))[index]  # as for any sequence: from the end, or IndexError
        start = self.ends[position - 1] if position else 0
        return self.data[start : self.ends[position]].tobytes().decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        data, start = self.data.data, 0
        for block in np.split(self.ends, range(4096, len(self.ends), 4096)):
            for end in block.tolist():
                yield str(data[start:end], "utf-8", "surrogatepass")
                start = end

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StringArray):
            same_ends = np.array_equal(self.ends, other.ends)
            return same_ends and np.array_equal(self.data, other.data)
        if isinstance(other, list | tuple):
            return len(self) == len(other) and all(map(str.__eq__, self, other))
        return NotImplemented

    # Equal by content, which no hash covers, as a list.
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    @classmethod
    def load(cls, file: Path) -> "StringArray":
        """The strings that `save` wrote.

        Raises:
            ValueError: The file is damaged.
        """
        try:
            with file.open("rb") as stream, np.load(stream) as arrays:
                return cls(arrays["data"], arrays["ends"])
        except (zipfile.BadZipFile, EOFError, KeyError) as error:
            raise ValueError(f"{file}: {error}") from error

    def save(self, file: Path) -> None:
        """Writes the strings to a file with the suffix .npz."""
        np.savez(file, data=self.data, ends=self.ends)

    def take(self, indices: np.ndarray) -> "StringArray":
        """The strings at `indices`, int [m]."""
        starts = np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])[indices]
        lengths = self.ends[indices] - starts
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        return StringArray(self.data[np.repeat(starts, lengths) + within], ends)


class StringWriter:
    """Collects strings for a `StringArray`."""

    def __init__(self):
        self._data, self._ends = bytearray(), array("q")

    def __len__(self) -> int:
        return len(self._ends)

    def append(self, string: str) -> None:
        self._data += string.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._data))

    def to_array(self) -> StringArray:
        """The strings appended so far."""
        return (
            StringArray(np.frombuffer(self._data, np.uint8), np.frombuffer(self._ends, np.int64))
            if self._ends
            else StringArray(np.zeros(0, np.uint8), np.zeros(0, np.int64))
        )
