"""Generated images in class folders, added to the training split."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gv_jax.data import decode
from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.box import NO_BOX, Box
from gv_jax.data.builders.system_files import is_system_name
from gv_jax.data.class_folders import name_folders
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.data.image_hash import hash_image
from gv_jax.data.natural_order import natural_key
from gv_jax.data.parallel import count_cores, map_in_threads
from gv_jax.data.rows import join_images
from gv_jax.data.splits.stratified import group_hash
from gv_jax.data.string_array import StringArray
from gv_jax.errors import UserError, unknown

PREFIX = "generated/"  # of the ids
SUFFIX = ".png"

MakeArray = Callable[[Image.Image, Box], np.ndarray]  # -> uint8 [h w c]


class GeneratedFile(NamedTuple):
    """A generated image: its file, id and class index."""

    path: Path
    id: str
    label: int


def add_generated(
    dataset: Dataset,
    folder: Path,
    transform: MakeArray,
    *,
    ratio: float = 0.0,
    seed: int = 0,
    max_bytes: int = 2**34,
) -> Dataset:
    """`dataset` with generated images after those of its training split.

    Args:
        dataset: Data set with the split "train".
        folder: Folder with the files CLASS/*.png.
        transform: Image and box -> uint8 [h w c], as for the images of the data set.
        ratio: Maximum number of generated images per training image; 0: all of them.
        seed: Of the choice among them.
        max_bytes: Maximum size of the generated images, which are kept in memory.

    Raises:
        UserError: The folder, a class folder or an image cannot be used.
    """
    check_ids(dataset)
    train = dataset.splits["train"]
    files = list_generated(folder, dataset.classes)
    if ratio:
        files = draw_files(files, count_classes(train.labels, len(dataset.classes)), ratio, seed)
    if not files:
        raise UserError(
            f"--config.data.generated_ratio={ratio}: none of the generated images is used, with "
            f"{len(train.ids):,} training images. Raise it."
        )
    shape = train.images.shape[1:]
    if len(files) * np.prod(shape, dtype=np.int64) > max_bytes:
        raise UserError(
            f"--config.data.generated={folder}: the {len(files):,} images are larger than "
            "--config.data.cache_mb. Raise that bound, or set --config.data.generated_ratio."
        )
    decoded = map_in_threads(lambda file: decode_file(file, transform), files, count_cores())
    images, hashes = collect_images(files, decoded, shape)
    return replace(dataset, splits={**dataset.splits, "train": join(train, files, images, hashes)})


def check_ids(dataset: Dataset) -> None:
    """Raises UserError if ids of the data set could be those of generated images."""
    for split in dataset.splits.values():
        for image_id in split.ids:
            if image_id.startswith(PREFIX):
                raise UserError(
                    f"--config.data.generated: the data set has an image {image_id}, and the names "
                    f"of generated images begin with {PREFIX} too. Rename its folder."
                )


def list_generated(folder: Path, classes: Sequence[str]) -> list[GeneratedFile]:
    """The files of all classes, each in natural order; opens no image.

    A class folder has the name of the class, or the one that `gv-jax generate` gives it.

    Raises:
        UserError: There is no such folder, a class is unknown, or a folder has no image.
    """
    option = f"--config.data.generated={folder}"
    if not folder.is_dir():
        raise UserError(f"{option}: no such folder. gv-jax generate writes one.")
    names = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    names = sorted((name for name in names if not is_system_name(name)), key=natural_key)
    if not names:
        raise UserError(f"{option}: has no class folders.")
    labels = {folder: label for label, folder in enumerate(name_folders(classes).values())}
    labels |= {name: label for label, name in enumerate(classes)}
    files = []
    for name in names:
        if name not in labels:
            raise unknown(f"class (folder in {option})", name, classes)
        found = [path for path in (folder / name).iterdir() if path.suffix.lower() == SUFFIX]
        found = [path for path in found if not is_system_name(path.name)]
        if not found:
            raise UserError(f"{option}: the class folder {name!r} has no {SUFFIX} files.")
        for path in sorted(found, key=lambda path: natural_key(path.name)):
            files.append(GeneratedFile(path, f"{PREFIX}{name}/{path.name}", labels[name]))
    return files


def count_classes(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The number of images of every class, int [k], from labels [n] or multi-hot labels [n k]."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=num_classes)
    return labels.sum(0).astype(int)


def draw_files(
    files: Sequence[GeneratedFile], counts: np.ndarray, ratio: float, seed: int
) -> list[GeneratedFile]:
    """At most `ratio` files per training image of their class, in the order of `files`.

    The numbers of all classes are rounded so that their sum is the product of `ratio` and the
    number of training images, rounded down.

    Args:
        files: All files.
        counts: Training images of every class, int [k].
        ratio: Files per training image.
        seed: Of the choice.
    """
    ends = np.floor(ratio * np.cumsum(counts) + 1e-9).astype(int)
    chosen: set[str] = set()
    for label, quota in enumerate(np.diff(ends, prepend=0)):
        ids = [file.id for file in files if file.label == label]
        chosen.update(sorted(ids, key=lambda image_id: group_hash(seed, image_id))[:quota])
    return [file for file in files if file.id in chosen]


def decode_file(file: GeneratedFile, transform: MakeArray) -> tuple[np.ndarray, str]:
    """An image, uint8 [h w c], and its content hash, as of an image of a data set."""
    try:
        data = decode.encode_for_storage(file.path)
        image = decode.open_image(io.BytesIO(data))
    except CorruptImageError as error:
        raise UserError(f"{file.path}: {error}. Remove it, or generate it again.") from error
    return transform(image, NO_BOX), hash_image(data, image, NO_BOX)


def collect_images(
    files: Sequence[GeneratedFile],
    decoded: Iterator[tuple[np.ndarray, str]],
    shape: Sequence[int],
) -> tuple[np.ndarray, list[str]]:
    """Images, uint8 [m h w c], and their hashes.

    Args:
        files: Of the images, for messages.
        decoded: Image and hash of each.
        shape: (h, w, c) of the images of the data set.

    Raises:
        UserError: An image has another size than those of the data set.
    """
    images, hashes = np.empty((len(files), *shape), np.uint8), []
    for index, (pixels, image_hash) in enumerate(decoded):
        if pixels.shape != tuple(shape):
            (height, width, _), (other_height, other_width, _) = pixels.shape, shape
            raise UserError(
                f"{files[index].path}: has {width}x{height} pixels, but the images of the data set "
                f"have {other_width}x{other_height}. Resize all images to one (height, width), as "
                "with --config.data.size='(64, 64)'."
            )
        images[index] = pixels
        hashes.append(image_hash)
    return images, hashes


def join(
    train: Split, files: Sequence[GeneratedFile], images: np.ndarray, hashes: Sequence[str]
) -> Split:
    """The training split with generated images, uint8 [m h w c], behind its own."""
    counts = len(train.ids), len(files)
    labels = np.array([file.label for file in files])
    if train.labels.ndim == 2:
        labels = np.eye(train.labels.shape[1])[labels]
    return Split(
        join_images(
            [train.images, images],
            np.repeat([0, 1], counts),
            np.concatenate([np.arange(count) for count in counts]),
        ),
        np.concatenate([train.labels, labels.astype(train.labels.dtype)]),
        StringArray.from_strings(chain(train.ids, (file.id for file in files))),
        StringArray.from_strings(chain(train.hashes, hashes)) if train.hashes else (),
    )
