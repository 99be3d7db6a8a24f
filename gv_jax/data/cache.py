"""A decoded data set on disk: memory-mapped images beside labels and ids, written once."""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.box import NO_BOX, Box
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.formats import jpeg
from gv_jax.data.transforms import TransformPipeline
from gv_jax.errors import UserError

CACHE_VERSION = 2  # of the files of a cache
META_FILE = "meta.json"
IMAGES_PER_BATCH = 32  # decoded images in memory
DECODE_THREADS = 4  # decoding and hashing release Python's lock


def read_cache(folder: Path) -> Dataset:
    """The data set that `write_cache` wrote; its images are memory-mapped.

    Raises:
        FileNotFoundError: There is no cache, or a file of it is missing.
        ValueError: A file is damaged.
    """
    meta = json.loads((folder / META_FILE).read_text())
    splits = {
        split: Split(
            np.load(folder / f"{split}.npy", mmap_mode="r"),
            np.load(folder / f"{split}_labels.npy"),
            tuple(ids),
            tuple(meta["hashes"][split]),
        )
        for split, ids in meta["ids"].items()
    }
    return Dataset(
        name=meta["name"],
        classes=tuple(meta["classes"]),
        groups=meta["groups"],
        splits=splits,
        skipped=tuple(meta["skipped"]),
        warnings=tuple(meta["warnings"]),
    )


def write_cache(
    builder: ImageBuilder,
    transform: TransformPipeline,
    folder: Path,
    *,
    cache_key: dict[str, Any],
    dropped: frozenset[str],
    multi_label: bool,
) -> None:
    """Decodes a prepared data set into `folder`, which appears complete or not at all.

    Args:
        builder: The prepared data set.
        transform: Image and box -> uint8 [h w c].
        folder: Folder of the cache.
        cache_key: Arguments that determine the pixels, recorded in meta.json.
        dropped: Ids of training images to leave out.
        multi_label: Whether labels are multi-hot, float32 [n k], instead of int32 [n].

    Raises:
        UserError: The images differ in size, or no training image is left for a class.
    """
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    unfinished.mkdir(parents=True, exist_ok=True)
    try:
        ids, hashes = {}, {}
        for split in builder.info.splits:
            ids[split], hashes[split], labels, dropped_labels = _write_images(
                builder, split, transform, unfinished, dropped
            )
            if split == "train" and not multi_label:
                _check_classes(builder, ids[split], labels, dropped_labels)
            encoded = (
                multi_hot(builder, ids[split], labels)
                if multi_label
                else np.asarray(labels, np.int32)
            )
            np.save(unfinished / f"{split}_labels.npy", encoded)
        meta = {
            "name": builder.name,
            "classes": builder.classes,
            "groups": builder.groups,
            "skipped": builder.skipped,
            "warnings": builder.warnings,
            "cache_key": cache_key,
            "ids": ids,
            "hashes": hashes,
        }
        (unfinished / META_FILE).write_text(json.dumps(meta))
        try:
            unfinished.rename(folder)
        except OSError:  # another process was faster
            if not (folder / META_FILE).is_file():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_images(
    builder: ImageBuilder,
    split: str,
    transform: TransformPipeline,
    folder: Path,
    dropped: frozenset[str],
) -> tuple[list[str], list[str], list[int], set[int]]:
    """Writes folder/<split>.npy image by image.

    Returns:
        Ids, hashes and first labels of the written images, and the labels of `dropped`.
    """
    count = builder.info.splits[split].num_examples - (len(dropped) if split == "train" else 0)
    ids: list[str] = []
    hashes: list[str] = []
    labels: list[int] = []
    dropped_labels: set[int] = set()
    shape = (0, 0, 0)
    # Not written through a memory map: a full disk would kill the process with SIGBUS.
    with (folder / f"{split}.npy").open("wb") as file:
        for image_id, label, image, image_hash, box in _iter_images(builder, split):
            if image_id in dropped:
                dropped_labels.add(label)
                continue
            pixels = transform(image, box)
            if not ids:
                shape = pixels.shape
                _write_header(file, (count, *shape))
            if pixels.shape != shape:
                raise UserError(
                    f"{image_id}: has {_format_size(pixels.shape)}, but {ids[0]} has "
                    f"{_format_size(shape)}. Resize all images to one (height, width), as with "
                    "--config.data.size='(64, 64)'."
                )
            file.write(pixels.tobytes())
            ids.append(image_id)
            hashes.append(image_hash)
            labels.append(label)
    return ids, hashes, labels, dropped_labels


def _iter_images(
    builder: ImageBuilder, split: str
) -> Iterator[tuple[str, int, Image.Image, str, Box]]:
    """(id, first label, decoded image, content hash, box) of the images of a split, in order."""
    total = builder.info.splits[split].num_examples
    title = f"{builder.name}: decode {split}"
    examples = iter(tqdm(builder.examples(split), title, total, unit=" images", delay=1))

    def decode_example(
        example: tuple[str, int, bytes, Box],
    ) -> tuple[str, int, Image.Image, str, Box]:
        image_id, label, data, box = example
        image = decode.open_image(io.BytesIO(data))
        return image_id, label, image, hash_image(data, image, box), box

    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        while batch := list(islice(examples, IMAGES_PER_BATCH)):
            yield from pool.map(decode_example, batch)


def hash_image(data: bytes, image: Image.Image, box: Box) -> str:
    """The content hash of a stored image: 16 hexadecimal digits of a SHA-256.

    It is that of the pixels, except for a JPEG, whose pixels depend on the version of the decoder.

    Args:
        data: The stored file.
        image: The decoded image.
        box: Its bounding box, or NO_BOX.
    """
    header = f"{box} " if box != NO_BOX else ""
    if data.startswith(jpeg.MAGIC):
        content = data
    else:
        header += f"{image.mode} {image.size} "
        content = image.tobytes()
    return hashlib.sha256(header.encode() + content).hexdigest()[:16]


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _format_size(shape: tuple[int, ...]) -> str:
    height, width, _ = shape
    return f"{width}x{height} pixels"


def _check_classes(
    builder: ImageBuilder, ids: Sequence[str], labels: Sequence[int], dropped_labels: set[int]
) -> None:
    """Raises UserError for a class that has no training image in a single-label data set.

    Args:
        builder: The prepared data set.
        ids: Ids of the training images.
        labels: Their first labels.
        dropped_labels: Labels of the training images that were dropped as leaks.
    """
    extra = {label for image_id in ids for label in builder.extra_labels.get(image_id, ())}
    secondary = sorted(extra - set(labels) - dropped_labels)
    if secondary:
        raise UserError(
            f"{builder.classes[secondary[0]]!r}: in every training image of this class another "
            "class has priority. Train with --config.task=multi_label, or reorder the classes."
        )
    missing = sorted(dropped_labels - set(labels))
    if missing:
        raise UserError(
            f"{builder.classes[missing[0]]!r}: every training image of this class has a duplicate "
            "in valid or test, so --config.data.drop_leaks=True drops them all. Add images, or "
            "change the split."
        )


def multi_hot(builder: ImageBuilder, ids: Sequence[str], labels: Sequence[int]) -> np.ndarray:
    """All labels of images whose first labels are `labels`: multi-hot float32 [n k]."""
    rows = np.zeros((len(ids), len(builder.classes)), np.float32)
    for row, image_id, label in zip(rows, ids, labels, strict=True):
        row[[label, *builder.extra_labels.get(image_id, ())]] = 1
    return rows
