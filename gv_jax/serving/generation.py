"""Generated images that a client orders: the call of the network, and their files."""

import io
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np

from gv_jax.data.class_folders import name_folders
from gv_jax.inference.files.generate_files import name_file
from gv_jax.inference.files.png_metadata import (
    Source,
    describe_image,
    describe_settings,
    save_generated,
)
from gv_jax.inference.generation.generator import Sampling
from gv_jax.serving.prediction_files import ZIP_DATE

MAX_IMAGES = 24  # of a request: one call of the network
KEPT_ORDERS = 8  # whose images are kept: the zip file of shown images takes no further call
WARM_STEPS = 2  # all programs of a sampler


class Order(NamedTuple):
    """The images that a client wants: equal orders give equal images.

    Attributes:
        label: Class name.
        count: Number of images, at most MAX_IMAGES.
        sampling: How they are generated.
        palette: Maximum number of colors of each; None: as the run says.
        like: Bytes of the image to vary, uint8 [h w c] at the size of the run; None without one.
    """

    label: str
    count: int
    sampling: Sampling
    palette: int | None = None
    like: bytes | None = None


def make_generate(run: Any) -> Callable[[Order], np.ndarray]:
    """The function from an order to images uint8 [n h w c]; it keeps those of the last orders.

    Args:
        run: A GeneratorRun.
    """

    @lru_cache(maxsize=KEPT_ORDERS)
    def generate(order: Order) -> np.ndarray:
        labels = np.full(order.count, run.find_label(order.label))
        like = None
        if order.like is not None:
            image = np.frombuffer(order.like, np.uint8)
            shape = (*run.generator.size, run.generator.task.channels)
            like = np.broadcast_to(image.reshape(shape), (order.count, *shape))
        images = run.generator.generate(labels, np.arange(order.count), order.sampling, like)
        return run.palette_filter(order.palette)(images)

    return generate


def make_warm_order(run: Any) -> Order:
    """An order that compiles the programs of all orders."""
    return Order(run.classes[0], 1, run.sampling(steps=WARM_STEPS))


def describe_generator(run: Any) -> dict[str, Any]:
    """What clients may know of a GeneratorRun."""
    task, sampling = run.generator.task, run.sampling()
    return {
        "classes": list(run.classes),
        "tileable": [name for name, wraps in zip(run.classes, task.tileable, strict=True) if wraps],
        "image_size": list(run.generator.size),
        "guidance": sampling.guidance,
        "strength": sampling.strength,
        "layout_time": sampling.layout_time if task.layouts is not None else None,
        "max_count": MAX_IMAGES,
    }


def is_tileable(run: Any, order: Order) -> bool:
    """Whether the images of an order repeat without a seam."""
    chosen = order.sampling.tileable
    return run.generator.task.tileable[run.find_label(order.label)] if chosen is None else chosen


def encode_images(
    run: Any, order: Order, images: np.ndarray, like_name: str | None
) -> dict[str, bytes]:
    """PNG files by name, which record what those of `gv-jax generate` do.

    Args:
        run: A GeneratorRun.
        order: What was ordered.
        images: uint8 [n h w c].
        like_name: Name of the image to vary.
    """
    settings, like, path = describe_settings(run, order.sampling, order.palette), None, None
    if order.like is not None and like_name is not None:
        like, path = Source(like_name, np.frombuffer(order.like, np.uint8)), PurePath(like_name)
    folder = name_folders(run.classes)[order.label]
    files = {}
    for index, image in enumerate(images):
        file = io.BytesIO()
        save_generated(image, describe_image(settings, order.label, index, like), file)
        files[name_file(folder, order.sampling.seed, index, path)] = file.getvalue()
    return files


def zip_images(files: dict[str, bytes]) -> bytes:
    """A zip file of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_DATE), data)
    return buffer.getvalue()
