"""Recall and false pairs of the search for near-duplicates, on images of a data set.

    python -m benchmarks.duplicates --config=configs/dungeon_tiles.py --config.data.path=DIR

Takes --images images of the data set at random, brings them to each of SIZES, and makes one copy of
each with each of COPIES. For every size and kind of copy, the originals and the copies are searched
together. Prints one JSON line per size and kind: {"size", "kind", "images", "recall",
"false_images"}. "recall" is the fraction of originals in one group with their copy; "false_images"
the fraction of images in one group with an image of another origin, where the originals alone are
not. Originals and copies of a single color count in neither. The last line is about the unchanged
data set: {"images", "pairs", "paired_images", "pair_fraction", "seconds", "peak_mb"};
"paired_images" and "pair_fraction" are fractions of all images and of all pairs.
"""

import argparse
import io
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageEnhance

from gv_jax.cli.flags import load_config
from gv_jax.config.resolve import resolve
from gv_jax.config.validate import validate
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.dataset import prepare_builder
from gv_jax.data.duplicates.groups import exact_duplicate_groups, near_duplicate_groups
from gv_jax.data.duplicates.hashing import Signature, image_signature

SIZES = (16, 24, 32, 48, 64)  # pixels of both sides
Copy = Callable[[Image.Image], Image.Image]


def resize(image: Image.Image, factor: float, method: str) -> Image.Image:
    """The image scaled by `factor`, with a method of PIL such as "bicubic"."""
    size = round(image.width * factor), round(image.height * factor)
    return image.resize(size, Image.Resampling[method.upper()])


def compress(image: Image.Image, quality: int) -> Image.Image:
    """The image as a JPEG, over black."""
    buffer = io.BytesIO()
    fill(image, (0, 0, 0)).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def fill(image: Image.Image, color: tuple[int, int, int]) -> Image.Image:
    """The image composited over a color."""
    canvas = Image.new("RGBA", image.size, (*color, 255))
    return Image.alpha_composite(canvas, image.convert("RGBA")).convert("RGB")


def brighten(image: Image.Image, factor: float) -> Image.Image:
    """The image with colors times `factor`."""
    if image.mode != "RGBA":
        return ImageEnhance.Brightness(image).enhance(factor)
    *colors, alpha = image.split()
    bands = [ImageEnhance.Brightness(band).enhance(factor) for band in colors]
    return Image.merge("RGBA", (*bands, alpha))


def shift(image: Image.Image, dy: int, dx: int) -> Image.Image:
    """The image moved by (dy, dx) pixels; the first pixels of an edge are repeated there."""
    pixels = np.asarray(image)
    rows = np.clip(np.arange(image.height) - dy, 0, image.height - 1)
    columns = np.clip(np.arange(image.width) - dx, 0, image.width - 1)
    return Image.fromarray(pixels[rows][:, columns])


def scale_alpha(image: Image.Image, factor: float) -> Image.Image:
    """The image with opacity times `factor`."""
    image = image.convert("RGBA")
    image.putalpha(image.getchannel("A").point([round(value * factor) for value in range(256)]))
    return image


COPIES: dict[str, Copy] = {
    "nearest x2": lambda image: resize(image, 2, "nearest"),
    "bicubic x2": lambda image: resize(image, 2, "bicubic"),
    "box x0.5": lambda image: resize(image, 0.5, "box"),
    "bicubic x0.5": lambda image: resize(image, 0.5, "bicubic"),
    "nearest x0.5": lambda image: resize(image, 0.5, "nearest"),
    "JPEG 50": lambda image: compress(image, 50),
    "JPEG 75": lambda image: compress(image, 75),
    "JPEG 95": lambda image: compress(image, 95),
    "brightness -3 %": lambda image: brighten(image, 0.97),
    "brightness +3 %": lambda image: brighten(image, 1.03),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "mirrored vertically": lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    "shifted (0, 1)": lambda image: shift(image, 0, 1),
    "shifted (2, -2)": lambda image: shift(image, 2, -2),
    "shifted (-1, 2), wrapped": lambda image: ImageChops.offset(image, 2, -1),
    "over white": lambda image: fill(image, (255, 255, 255)),
    "over magenta": lambda image: fill(image, (255, 0, 255)),
    "alpha x0.8": lambda image: scale_alpha(image, 0.8),
}


def load_images(builder: ImageBuilder) -> Iterator[tuple[str, Image.Image]]:
    """(id, decoded image) of every image of a prepared data set."""
    for split in builder.info.splits:
        for index, (file, *_) in enumerate(builder.examples(split)):
            yield file, builder.load_image(split, index)


def make_originals(images: Sequence[Image.Image], count: int, size: int) -> list[Image.Image]:
    """Images of size x size pixels: larger images are resized, smaller ones tiled and cropped."""
    rng = np.random.default_rng(size)
    order = iter(np.resize(rng.permutation(len(images)), 64 * count).tolist())
    originals = []
    for _ in range(min(count, len(images))):
        image = images[next(order)]
        per_side = math.ceil(size / min(image.size))
        if per_side > 1:
            mosaic = Image.new(image.mode, (per_side * image.width, per_side * image.height))
            for cell in range(per_side**2):
                place = cell % per_side * image.width, cell // per_side * image.height
                mosaic.paste(image if cell == 0 else images[next(order)].convert(image.mode), place)
            image = mosaic.crop((0, 0, size, size))
        originals.append(image.resize((size, size), Image.Resampling.BOX))
    return originals


def group_ids(signatures: Sequence[Signature]) -> list[set[int]]:
    """The groups of exact and of near-duplicates that each image is in."""
    members: list[set[int]] = [set() for _ in signatures]
    groups = exact_duplicate_groups(signatures) + near_duplicate_groups(signatures)
    for number, group in enumerate(groups):
        for index in group:
            members[index].add(number)
    return members


def measure_copies(originals: Sequence[Image.Image], copy: Copy) -> dict[str, float]:
    """Number of images, recall and fraction of false images of one kind of copy."""
    pairs = [(image_signature(image), image_signature(copy(image))) for image in originals]
    pairs = [pair for pair in pairs if not (pair[0].constant or pair[1].constant)]
    count = len(pairs)
    signatures = [pair[side] for side in (0, 1) for pair in pairs]
    alone = [len(groups) > 0 for groups in group_ids(signatures[:count])]
    groups = group_ids(signatures)
    found = [not groups[index].isdisjoint(groups[count + index]) for index in range(count)]
    false = 0
    for index in range(count):
        own = {index, count + index}
        joined = groups[index] | groups[count + index]
        partners = {other for other in range(2 * count) if groups[other] & joined} - own
        false += bool(partners) and not alone[index]
    return {"images": count, "recall": sum(found) / count, "false_images": false / count}


def measure_data_set(images: Sequence[Image.Image]) -> dict[str, float]:
    """Pairs in one group of the unchanged images, and the cost of the search."""
    start = time.perf_counter()
    signatures = [image_signature(image) for image in images]
    near = near_duplicate_groups(signatures)
    seconds = time.perf_counter() - start
    pairs = sum(math.comb(len(group), 2) for group in near)
    return {
        "images": len(images),
        "pairs": pairs,
        "paired_images": sum(map(len, near)) / len(images),
        "pair_fraction": pairs / math.comb(len(images), 2),
        "seconds": round(seconds, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", required=True, help="file under configs/")
    parser.add_argument("--images", type=int, default=200, help="originals per size")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options, rest = parser.parse_known_args(arguments)
    fields = dict(word.removeprefix("--config.").split("=", 1) for word in rest)
    builder = prepare_builder(validate(resolve(load_config(options.config, fields))).data)
    images = [image for _, image in load_images(builder)]
    for size in options.sizes:
        originals = make_originals(images, options.images, size)
        for kind, copy in COPIES.items():
            line = {"size": size, "kind": kind}
            write_line({**line, **measure_copies(originals, copy)})
    write_line(measure_data_set(images))


def write_line(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
