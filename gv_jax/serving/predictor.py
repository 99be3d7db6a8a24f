"""Predictions for the files of a request, batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gv_jax.errors import UserError
from gv_jax.serving.served_run import ServedRun, describe_prediction
from gv_jax.serving.service import File, Service
from gv_jax.serving.uploads import (
    UploadError,
    clean_name,
    decode_image,
    encode_png,
    to_data_uri,
)

FILES_PER_CALL = 16


@dataclass(frozen=True)
class Options:
    """What a client wants to know.

    Attributes:
        top: Number of classes.
        level: Of the prediction set.
        nearest: Number of nearest training images, of a single file.
    """

    top: int
    level: float
    nearest: int


async def predict_files(
    service: Service, served: ServedRun, files: Sequence[File], options: Options
) -> list[dict[str, Any]]:
    """Predictions as JSON, in the order of the files.

    Raises:
        UploadError: The only file is no usable image; one of several gets a row with "error".
    """
    rows: list[dict[str, Any]] = []
    for start in range(0, len(files), FILES_PER_CALL):
        rows += await predict_some(service, served, files[start : start + FILES_PER_CALL], options)
    if len(files) == 1:
        if isinstance(rows[0].get("error"), UploadError):
            raise rows[0]["error"]
        if options.nearest:
            rows[0]["nearest"] = await find_nearest(service, served, files[0], options.nearest)
    return [row | {"error": str(row["error"])} if "error" in row else row for row in rows]


async def predict_some(
    service: Service, served: ServedRun, files: Sequence[File], options: Options
) -> list[dict[str, Any]]:
    """Predictions for one call of the network; unusable files have their UploadError."""
    max_pixels = service.limits.pixels
    prepared = await service.in_thread(service.decoders, prepare_all, served, files, max_pixels)
    arrays = [item for item in prepared if isinstance(item, np.ndarray)]
    described: list[dict[str, Any]] = []
    if arrays:
        predictions = await service.call(served.predict, np.concatenate(arrays))
        described = [
            describe_prediction(predictions, index, top=options.top, level=options.level)
            for index in range(len(arrays))
        ]
    following = iter(described)
    return [
        {"name": file.name, "error": item}
        if isinstance(item, UploadError)
        else {"name": file.name, **next(following)}
        for file, item in zip(files, prepared, strict=True)
    ]


def prepare_all(
    served: ServedRun, files: Sequence[File], max_pixels: int
) -> list[np.ndarray | UploadError]:
    """The inputs of the network, uint8 [1 h w c], or why a file is not used."""
    return [prepare_file(served, file, max_pixels) for file in files]


def prepare_file(served: ServedRun, file: File, max_pixels: int) -> np.ndarray | UploadError:
    try:
        return served.prepare(decode_image(file.data, max_pixels))
    except UploadError as error:
        return error
    except UserError as error:
        return UploadError(422, str(error))


async def find_nearest(
    service: Service, served: ServedRun, file: File, count: int
) -> list[dict[str, Any]]:
    """The nearest training images as JSON; thumbnails are data URIs."""
    image = await service.decode(file, service.limits.pixels)
    return [
        {
            "name": clean_name(neighbor.id) if neighbor.id else None,
            "label": neighbor.label,
            "distance": round(neighbor.distance, 4),
            "thumbnail": encode_thumbnail(neighbor.thumbnail),
        }
        for neighbor in await service.call(served.nearest, (image, count))
    ]


def encode_thumbnail(pixels: np.ndarray | None) -> str | None:
    return None if pixels is None else to_data_uri(encode_png(pixels))
