"""Images of a prepared data set that are decoded when they are read, for sets larger than memory.

Their pixels are those that the cache of decoded images would have.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from gv_jax.data import decode
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.data.rows import ReadRows
from gv_jax.data.transforms import TransformPipeline
from gv_jax.errors import UserError

RECORD_ERRORS = (RuntimeError, ValueError, IndexError, OSError)  # of a damaged record file


def make_record_reader(
    builder: ImageBuilder, split: str, transform: TransformPipeline, shape: Sequence[int]
) -> ReadRows:
    """The function from records of a prepared split, int [b], to images, uint8 [b h w c].

    It may be called by several threads at once. The records of a call are read at once, in the
    order of the file, as the time to find them grows with the number of stored records.

    Args:
        builder: the prepared data set.
        split: name of the split.
        transform: image and box -> uint8 [h w c].
        shape: (h, w, c) of every image.
    """
    source = builder.read_source(split)

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *shape), np.uint8)
        order = np.argsort(rows, kind="stable")
        for position, example in zip(order, read_examples(rows[order].tolist()), strict=True):
            images[position] = decode_example(example, int(rows[position]))
        return images

    def read_examples(rows: list[int]) -> list[Any]:
        try:
            return source.__getitems__(rows)
        except RECORD_ERRORS:  # finds the damaged record
            return [read_example(row) for row in rows]

    def read_example(row: int) -> Any:
        try:
            return source[row]
        except RECORD_ERRORS as error:
            raise UserError(describe_damage(f"record {row:,}", error)) from error

    def decode_example(example: Any, row: int) -> np.ndarray:
        name = f"record {row:,}"
        try:
            name = example["id"].decode()
            image = decode.open_image(io.BytesIO(example["image"]))
            return transform(image, tuple(example["box"].tolist()))
        except (CorruptImageError, *RECORD_ERRORS) as error:
            raise UserError(describe_damage(name, error)) from error

    def describe_damage(name: str, error: Exception) -> str:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return (
            f"{name} of the split {split!r} cannot be read from {builder.data_path}: {reason}. "
            "Remove this folder; it is prepared again at the next start."
        )

    return read
