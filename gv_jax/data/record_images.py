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

    It may be called by several threads at once. Records are read in the order of the file.

    Args:
        builder: the prepared data set.
        split: name of the split.
        transform: image and box -> uint8 [h w c].
        shape: (h, w, c) of every image.
    """
    source = builder.read_source(split)

    def read(rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *shape), np.uint8)
        for position in np.argsort(rows, kind="stable"):
            images[position] = decode_record(source, int(rows[position]))
        return images

    def decode_record(source: Any, row: int) -> np.ndarray:
        name = f"record {row:,}"
        try:
            example = source[row]
            name = example["id"].decode()
            image = decode.open_image(io.BytesIO(example["image"]))
            return transform(image, tuple(example["box"].tolist()))
        except (CorruptImageError, *RECORD_ERRORS) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"{name} of the split {split!r} cannot be read from {builder.data_path}: {reason}. "
                "Remove this folder; it is prepared again at the next start."
            ) from error

    return read
