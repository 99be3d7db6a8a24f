"""A data set on disk: images, labels and ids, written once.

Images are decoded into a memory-mapped file, or, if that would be too large, decoded from the
prepared data set whenever they are read.
"""

import io
import json
import os
import shutil
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.box import Box
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.image_hash import hash_image
from gv_jax.data.parallel import map_in_threads
from gv_jax.data.record_images import make_record_reader
from gv_jax.data.rows import Images, LazyImages
from gv_jax.data.string_array import StringArray, StringWriter
from gv_jax.data.transforms import TransformPipeline
from gv_jax.errors import UserError

CACHE_VERSION = 3  # of the files of a cache
META_FILE = "meta.json"


def cache_folder(cache: Path, decoded: bool) -> Path:
    """The folder of decoded images, or of what else is known of images that are not stored."""
    return cache if decoded else cache.with_name(f"{cache.name}-records")


def find_cached(
    builder: ImageBuilder, transform: TransformPipeline, cache: Path, max_bytes: int
) -> Dataset | None:
    """The data set as an earlier call wrote it; None if it did not, or if it is now too large."""
    for decoded in (True, False):
        folder = cache_folder(cache, decoded)
        try:
            dataset = read_cache(folder, builder, transform)
        except (FileNotFoundError, ValueError):  # missing or damaged
            shutil.rmtree(folder, ignore_errors=True)
            continue
        num_bytes = sum(split.images.nbytes for split in dataset.splits.values())
        if (num_bytes <= max_bytes) == decoded:
            return dataset
    return None


def read_cache(folder: Path, builder: ImageBuilder, transform: TransformPipeline) -> Dataset:
    """The data set that `write_cache` wrote; its images are memory-mapped or read from records.

    Args:
        folder: Folder of the cache.
        builder: The data set; it is prepared here if its images are read from records.
        transform: Image and box -> uint8 [h w c].

    Raises:
        FileNotFoundError: There is no cache, or a file of it is missing.
        ValueError: A file is damaged.
    """
    meta = json.loads((folder / META_FILE).read_text())
    image_shape = meta.get("image_shape")
    if image_shape:
        builder.prepare()

    def open_images(split: str) -> Images:
        if not image_shape:
            return np.load(folder / f"{split}.npy", mmap_mode="r")
        read = make_record_reader(builder, split, transform, image_shape)
        return LazyImages(read, np.load(folder / f"{split}_records.npy"), image_shape)

    splits = {
        split: Split(
            open_images(split),
            np.load(folder / f"{split}_labels.npy"),
            StringArray.load(folder / f"{split}_ids.npz"),
            StringArray.load(folder / f"{split}_hashes.npz"),
        )
        for split in meta["splits"]
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
    decoded: bool = True,
    threads: int = 1,
) -> None:
    """Decodes a prepared data set into `folder`, which appears complete or not at all.

    Args:
        builder: The prepared data set.
        transform: Image and box -> uint8 [h w c].
        folder: Folder of the cache.
        cache_key: Arguments that determine the pixels, recorded in meta.json.
        dropped: Ids of training images to leave out.
        multi_label: Whether labels are multi-hot, float32 [n k], instead of int32 [n].
        decoded: Whether decoded images are stored. Otherwise images are only checked and hashed.
        threads: Number of threads that decode.

    Raises:
        UserError: The images differ in size, or no training image is left for a class.
    """
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    unfinished.mkdir(parents=True, exist_ok=True)
    try:
        shape = None
        for split in builder.info.splits:
            images = _iter_images(builder, split, transform, dropped, threads)
            written = _write_images(builder, split, images, unfinished, dropped, decoded)
            ids, labels, shape = written.ids.to_array(), np.array(written.labels), written.shape
            if split == "train" and not multi_label:
                _check_classes(builder, ids, labels, written.dropped_labels)
            encoded = multi_hot(builder, ids, labels) if multi_label else labels
            ids.save(unfinished / f"{split}_ids.npz")
            written.hashes.to_array().save(unfinished / f"{split}_hashes.npz")
            np.save(unfinished / f"{split}_labels.npy", encoded)
        meta = {
            "name": builder.name,
            "classes": builder.classes,
            "groups": builder.groups,
            "skipped": builder.skipped,
            "warnings": builder.warnings,
            "cache_key": cache_key,
            "image_shape": None if decoded else shape,
            "splits": list(builder.info.splits),
        }
        (unfinished / META_FILE).write_text(json.dumps(meta))
        try:
            unfinished.rename(folder)
        except OSError:  # another process was faster
            if not (folder / META_FILE).is_file():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class _Written(NamedTuple):
    """What is known of the images of a split; dropped_labels: labels of those left out."""

    ids: StringWriter
    hashes: StringWriter
    labels: "array[int]"
    dropped_labels: set[int]
    shape: tuple[int, ...]


class _DecodedImage(NamedTuple):
    id: str
    label: int
    hash: str
    pixels: np.ndarray | None  # None if it is dropped


def _write_images(
    builder: ImageBuilder,
    split: str,
    images: Iterator[_DecodedImage],
    folder: Path,
    dropped: frozenset[str],
    decoded: bool,
) -> _Written:
    """Writes folder/<split>.npy image by image, or folder/<split>_records.npy."""
    count = builder.info.splits[split].num_examples - (len(dropped) if split == "train" else 0)
    written = _Written(StringWriter(), StringWriter(), array("i"), set(), ())
    records, first = array("q"), ""
    # Not written through a memory map: a full disk would kill the process with SIGBUS.
    with ExitStack() as stack:
        file = stack.enter_context((folder / f"{split}.npy").open("wb")) if decoded else None
        for record, (image_id, label, image_hash, pixels) in enumerate(images):
            if pixels is None:
                written.dropped_labels.add(label)
                continue
            if not records:
                first = image_id
                written = written._replace(shape=pixels.shape)
                if file is not None:
                    _write_header(file, (count, *pixels.shape))
            if pixels.shape != written.shape:
                raise UserError(
                    f"{image_id}: has {_format_size(pixels.shape)}, but {first} has "
                    f"{_format_size(written.shape)}. Resize all images to one (height, width), as "
                    "with --config.data.size='(64, 64)'."
                )
            if file is not None:
                file.write(pixels.tobytes())
            records.append(record)
            written.ids.append(image_id)
            written.hashes.append(image_hash)
            written.labels.append(label)
    if not decoded:
        np.save(folder / f"{split}_records.npy", np.frombuffer(records, np.int64))
    return written


def _iter_images(
    builder: ImageBuilder,
    split: str,
    transform: TransformPipeline,
    dropped: frozenset[str],
    threads: int,
) -> Iterator[_DecodedImage]:
    """The images of a split, decoded and transformed, in order."""
    total = builder.info.splits[split].num_examples
    title = f"{builder.name}: decode {split}"
    examples = iter(tqdm(builder.examples(split), title, total, unit=" images", delay=1))

    def decode_example(example: tuple[str, int, bytes, Box]) -> _DecodedImage:
        image_id, label, data, box = example
        if image_id in dropped:
            return _DecodedImage(image_id, label, "", None)
        image = decode.open_image(io.BytesIO(data))
        return _DecodedImage(image_id, label, hash_image(data, image, box), transform(image, box))

    return map_in_threads(decode_example, examples, threads)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _format_size(shape: tuple[int, ...]) -> str:
    height, width, _ = shape
    return f"{width}x{height} pixels"


def _check_classes(
    builder: ImageBuilder, ids: Sequence[str], labels: np.ndarray, dropped_labels: set[int]
) -> None:
    """Raises UserError for a class that has no training image in a single-label data set.

    Args:
        builder: The prepared data set.
        ids: Ids of the training images.
        labels: Their first labels.
        dropped_labels: Labels of the training images that were dropped as leaks.
    """
    present = set(np.unique(labels).tolist())
    extra = {label for image_id in ids for label in builder.extra_labels.get(image_id, ())}
    secondary = sorted(extra - present - dropped_labels)
    if secondary:
        raise UserError(
            f"{builder.classes[secondary[0]]!r}: in every training image of this class another "
            "class has priority. Train with --config.task=multi_label, or reorder the classes."
        )
    missing = sorted(dropped_labels - present)
    if missing:
        raise UserError(
            f"{builder.classes[missing[0]]!r}: every training image of this class has a duplicate "
            "in valid or test, so --config.data.drop_leaks=True drops them all. Add images, or "
            "change the split."
        )


def multi_hot(
    builder: ImageBuilder, ids: Sequence[str], labels: Sequence[int] | np.ndarray
) -> np.ndarray:
    """All labels of images whose first labels are `labels`: multi-hot float32 [n k]."""
    rows = np.zeros((len(ids), len(builder.classes)), np.float32)
    for row, image_id, label in zip(rows, ids, labels, strict=True):
        row[[label, *builder.extra_labels.get(image_id, ())]] = 1
    return rows
