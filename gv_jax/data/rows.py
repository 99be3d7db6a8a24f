"""Rows of images that are read when they are indexed: from a file, or decoded from records."""

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gv_jax.errors import UserError

Images = Any  # uint8 [n h w c]: an array, a memory map or LazyImages
ReadRows = Callable[[np.ndarray], np.ndarray]  # rows int [b] -> uint8 [b h w c]
MAX_COPIED_BYTES = 2**28  # a selection of more than this stays in its file


class LazyImages:
    """Images, uint8 [n h w c], that are read when they are indexed.

    A slice is lazy as well; an index, indices and a mask give arrays.

    Args:
        read: source rows int [b] -> uint8 [b h w c].
        rows: the source row of every image: int [n].
        shape: (h, w, c).
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, read: ReadRows, rows: np.ndarray, shape: Sequence[int]):
        self._read, self._rows = read, rows
        self.shape = (len(rows), *shape)
        self.ndim = len(self.shape)
        self.size = self.nbytes = int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            first, *others = key
            is_index = isinstance(first, int | np.integer)
            return np.asarray(self[first])[tuple(others) if is_index else (slice(None), *others)]
        if isinstance(key, slice):
            return self.take(key)
        rows = self._rows[key]
        return self._read(rows) if rows.ndim else self._read(rows[None])[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._read(self._rows).astype(dtype or self.dtype, copy=False)

    def take(self, key: Any) -> "LazyImages":
        """The images at a slice, indices or a mask, not yet read."""
        return LazyImages(self._read, self._rows[key], self.shape[1:])


def select_images(images: Images, indices: np.ndarray) -> Images:
    """The images at `indices`, int [m]; in memory only if they are few or were in memory before."""
    if isinstance(images, LazyImages):
        return images.take(indices)
    is_large = len(indices) * images[:1].nbytes > MAX_COPIED_BYTES
    if is_large and isinstance(images, np.memmap):
        return LazyImages(lambda rows: read_rows(images, rows), indices, images.shape[1:])
    return read_rows(images, indices)


def join_images(parts: Sequence[Images], part_of: np.ndarray, indices: np.ndarray) -> Images:
    """Images of several arrays, in any order; read when they are indexed if they are many.

    Args:
        parts: Images of one shape.
        part_of: the part of every image: int [m].
        indices: its index in that part: int [m].
    """
    shape = parts[0].shape[1:]

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *shape), np.uint8)
        for number, part in enumerate(parts):
            chosen = np.flatnonzero(part_of[rows] == number)
            if len(chosen):
                images[chosen] = read_rows(part, indices[rows[chosen]])
        return images

    joined = LazyImages(read, np.arange(len(indices)), shape)
    is_small = joined.nbytes <= MAX_COPIED_BYTES
    return np.asarray(joined) if is_small else joined


def read_rows(array: Images, indices: np.ndarray) -> np.ndarray:
    """`array[indices]`.

    Rows of a memory-mapped file are read in ascending order, for the sake of the disk, and with
    read calls: pages of a memory map would count as memory of the process, up to the size of the
    file, and giving them back after every batch costs five times the reading.

    Args:
        array: rows [n ...].
        indices: integers [b], from 0.

    Returns:
        [b ...], in memory.
    """
    is_file = isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap)
    if not is_file or not array.filename or not array.flags.c_contiguous:
        return np.asarray(array[indices])
    rows = np.empty((len(indices), *array.shape[1:]), array.dtype)
    row_bytes = array[:1].nbytes
    try:
        file = os.open(array.filename, os.O_RDONLY)
    except FileNotFoundError:  # removed meanwhile; the map still has it
        return np.asarray(array[indices])
    try:
        for position in np.argsort(indices, kind="stable"):
            offset = array.offset + int(indices[position]) * row_bytes
            if os.preadv(file, [rows[position].data], offset) != row_bytes:
                raise UserError(
                    f"{array.filename}: is cut short. Remove the folder, which is made again at "
                    "the next start."
                )
    finally:
        os.close(file)
    return rows
