"""Rows of one shape in an unnamed temporary file, so that memory does not grow with their number.

Rows are read with read calls: pages of a memory map would count as memory of the process.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


class RowFile:
    """Rows that are appended and then read, by several threads if needed.

    The file has no name, so it vanishes with the process. It should be on a disk: the folder of
    temporary files of some systems is in memory.

    Args:
        dtype: of the values.
        shape: of one row; () for numbers.
        folder: where the file is; None: the folder of temporary files.
    """

    def __init__(self, dtype: DTypeLike, shape: Sequence[int], folder: Path | None = None):
        self.dtype, self.row_shape = np.dtype(dtype), tuple(shape)
        self._row_bytes = self.dtype.itemsize * int(np.prod(self.row_shape, dtype=np.int64))
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `close`)
        self._count = 0
        self._buffered = False

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        """Removes the file."""
        self._file.close()

    def append(self, rows: np.ndarray) -> None:
        """Appends rows [n ...]."""
        values = np.ascontiguousarray(rows, self.dtype)
        if values.shape[1:] != self.row_shape:
            raise ValueError(f"rows are {values.shape[1:]}, not {self.row_shape}")
        self._file.write(values.reshape(-1).view(np.uint8).data)
        self._count += len(values)
        self._buffered = True

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows from `start` to `stop`: [n ...]."""
        self._flush()
        rows = np.empty((max(min(stop, self._count) - start, 0), *self.row_shape), self.dtype)
        if rows.size:
            self._read_into(rows, start)
        return rows

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """The rows at `indices`, int [n] in any order: [n ...]."""
        self._flush()
        rows = np.empty((len(indices), *self.row_shape), self.dtype)
        if not rows.size:
            return rows
        order = np.argsort(indices, kind="stable")
        ordered = np.asarray(indices)[order]
        # Neighboring rows are read with one call, into rows that are in the order of the file.
        starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 2) != 1)
        in_order = np.empty_like(rows) if len(starts) < len(order) else rows
        if in_order is rows:
            for place, index in zip(order.tolist(), ordered.tolist(), strict=True):
                self._read_into(rows[place : place + 1], index)
            return rows
        stops = [*starts[1:].tolist(), len(order)]
        for start, stop in zip(starts.tolist(), stops, strict=True):
            self._read_into(in_order[start:stop], int(ordered[start]))
        rows[order] = in_order
        return rows

    def _flush(self) -> None:
        if self._buffered:
            self._file.flush()
            self._buffered = False

    def _read_into(self, rows: np.ndarray, start: int) -> None:
        view = rows.reshape(-1).view(np.uint8).data
        offset = start * self._row_bytes
        while len(view):  # a read call may return less than was asked for
            count = os.preadv(self._file.fileno(), [view], offset)
            if not count:
                raise OSError(f"row {start} of {self._count} cannot be read")
            view, offset = view[count:], offset + count
