"""Folders of generated images, in one folder per class: seeded crops of shapes or of images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

CANVAS_FACTOR = 2  # crops are taken from canvases this many times as large
CROPS_PER_CANVAS = 32


def write_image_folder(
    folder: Path,
    num_images: int,
    size: int,
    num_classes: int,
    *,
    suffix: str = "png",
    seed: int = 0,
    sources: Sequence[Path] = (),
) -> None:
    """Writes folder/class_<k>/<n>.<suffix>; does nothing if the folder exists.

    Args:
        folder: where to write.
        num_images: number of files; image n is of class n modulo `num_classes`.
        size: side in pixels.
        num_classes: number of class folders.
        suffix: "png" or "jpg".
        seed: of the images.
        sources: images to crop; () for drawn ones.
    """
    if folder.is_dir():
        return
    unfinished = folder.with_name(f".{folder.name}")
    for label in range(num_classes):
        (unfinished / f"class_{label}").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(num_images):
        if index % CROPS_PER_CANVAS == 0:
            side = CANVAS_FACTOR * size
            file = sources[int(rng.integers(len(sources)))] if sources else None
            canvas = draw_canvas(rng, side) if file is None else open_canvas(file, side)
        left, top = rng.integers(0, (CANVAS_FACTOR - 1) * size, 2).tolist()
        crop = canvas.crop((left, top, left + size, top + size))
        name = unfinished / f"class_{index % num_classes}" / f"{index}.{suffix}"
        crop.save(name, quality=90, compress_level=1)  # each format takes its own
    unfinished.rename(folder)


def open_canvas(file: Path, side: int) -> Image.Image:
    """The middle of an image, as RGB of side x side pixels."""
    with Image.open(file) as image:
        return ImageOps.fit(image.convert("RGB"), (side, side))


def draw_canvas(rng: np.random.Generator, side: int) -> Image.Image:
    """An RGB image of smooth noise with shapes of random colors."""
    noise = Image.fromarray(rng.integers(0, 256, (side // 8 + 2, side // 8 + 2, 3), np.uint8))
    canvas = noise.resize((side, side), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    for _ in range(24):
        x, y = rng.integers(0, side, 2).tolist()
        width, height = rng.integers(side // 16 + 1, side // 4 + 2, 2).tolist()
        color = tuple(rng.integers(0, 256, 3).tolist())
        shape = draw.ellipse if rng.integers(2) else draw.rectangle
        shape((x, y, x + width, y + height), fill=color)
    return canvas
