"""Storage of examples: TFDS features, encoding, and TFDS without its side effects."""

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from gv_jax.data import decode

FEATURES = tfds.features.FeaturesDict(
    {
        "image": tfds.features.Image(shape=(None, None, None)),
        "label": tfds.features.Scalar(np.int64),
        "id": tfds.features.Text(),
        "box": tfds.features.Tensor(shape=(4,), dtype=np.int32),
    }
)


class LocalInfo(tfds.core.DatasetInfo):
    """DatasetInfo that does not look for metadata in TFDS's bucket.

    TFDS's own lookup leaves an empty temporary folder behind.
    """

    def initialize_from_bucket(self) -> None:
        """Does nothing."""


def encode_image(image: Image.Image | Path) -> bytes:
    """The image as PNG; a plain PNG or JPEG file is kept byte for byte."""
    if isinstance(image, Path):
        return decode.encode_for_storage(image)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@contextlib.contextmanager
def silence_logging() -> Iterator[None]:
    """Suppresses TFDS's output and its hints for TFDS developers (custom config, no OpenCV)."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
