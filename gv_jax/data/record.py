"""What a run knows of its data: class names, and ids, labels and content hashes of every split.

A run is evaluated and resumed on exactly the images that it began with. Classes are matched by
name, images by id and content, so neither their order nor a new random split has an influence.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.rows import Images, join_images, select_images
from gv_jax.data.splits.kfold import labels_to_classes
from gv_jax.data.string_array import StringArray
from gv_jax.errors import UserError

MAX_LISTED = 3  # images of each kind that a message names


@dataclass(frozen=True)
class RecordedSplit:
    """Ids, content hashes and labels (indices into the recorded classes) of n images, in order."""

    ids: Sequence[str]
    hashes: Sequence[str]
    labels: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class DataRecord:
    """The data of a run.

    Attributes:
        name: Name in `DATASETS`.
        classes: Class names in the order of the labels.
        groups: Class -> super-class; {} if there are none.
        splits: "train", "valid", "test" -> its images.
        source: What determined the splits: task, section config.data and versions.
    """

    name: str
    classes: tuple[str, ...]
    groups: dict[str, str]
    splits: dict[str, RecordedSplit]
    source: dict[str, Any]


class Changes(NamedTuple):
    """Ids of images, and names of classes, in which a data set differs from a record.

    Modified images have another content or other labels. Renamed classes are pairs of a recorded
    and a present name with the same images; they are neither new nor missing.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    new_classes: tuple[str, ...] = ()
    missing_classes: tuple[str, ...] = ()
    renamed_classes: tuple[tuple[str, str], ...] = ()


def make_record(dataset: Dataset, source: Mapping[str, Any]) -> DataRecord:
    """The record of a data set; `source` has JSON values."""
    splits = {
        name: RecordedSplit(split.ids, split.hashes, label_tuples(split.labels))
        for name, split in dataset.splits.items()
    }
    return DataRecord(dataset.name, dataset.classes, dict(dataset.groups), splits, dict(source))


def record_to_json(record: DataRecord) -> dict[str, Any]:
    """`record` as JSON values; labels are numbers where every image has one."""
    splits = {
        name: {
            "ids": list(split.ids),
            "hashes": list(split.hashes),
            "labels": [labels[0] for labels in split.labels]
            if all(len(labels) == 1 for labels in split.labels)
            else split.labels,
        }
        for name, split in record.splits.items()
    }
    return {**dataclasses.asdict(dataclasses.replace(record, splits={})), "splits": splits}


def record_from_json(value: Mapping[str, Any]) -> DataRecord:
    """The inverse of `record_to_json`."""
    splits = {
        name: RecordedSplit(
            StringArray.from_strings(split["ids"]),
            StringArray.from_strings(split["hashes"]),
            share_equal(
                tuple(label) if isinstance(label, list) else (label,) for label in split["labels"]
            ),
        )
        for name, split in value["splits"].items()
    }
    classes = tuple(value["classes"])
    return DataRecord(value["name"], classes, value["groups"], splits, value["source"])


def label_tuples(labels: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """The labels of every image, from integers [n] or multi-hot [n k]."""
    return share_equal(map(tuple, labels_to_classes(labels)))


def share_equal(labels: Iterable[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """The tuples, of which equal ones are one object: most images share their labels."""
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    return tuple(known.setdefault(label, label) for label in labels)


def is_unchanged(record: DataRecord, dataset: Dataset) -> bool:
    """Whether a data set has the recorded splits, each with the same images in the same order.

    Data are usually unchanged, and this needs no memory for each image.
    """
    if (record.classes, record.groups) != (dataset.classes, dataset.groups):
        return False
    return record.splits.keys() == dataset.splits.keys() and all(
        _have_equal_strings(recorded.ids, dataset.splits[name].ids)
        and _have_equal_strings(recorded.hashes, dataset.splits[name].hashes)
        and recorded.labels == label_tuples(np.asarray(dataset.splits[name].labels))
        for name, recorded in record.splits.items()
    )


def _have_equal_strings(first: Sequence[str], second: Sequence[str]) -> bool:
    return len(first) == len(second) and all(map(str.__eq__, first, second))


def find_changes(record: DataRecord, dataset: Dataset) -> Changes:
    """The differences between a record and the present data set, in which splits do not count."""
    if is_unchanged(record, dataset):
        return Changes()
    recorded = {
        image_id: (image_hash, frozenset(record.classes[label] for label in labels))
        for split in record.splits.values()
        for image_id, image_hash, labels in zip(split.ids, split.hashes, split.labels, strict=True)
    }
    present = {
        image_id: (image_hash, frozenset(dataset.classes[label] for label in labels))
        for split in dataset.splits.values()
        for image_id, image_hash, labels in zip(
            split.ids, split.hashes, label_tuples(np.asarray(split.labels)), strict=True
        )
    }
    missing = [name for name in record.classes if name not in dataset.classes]
    new = [name for name in dataset.classes if name not in record.classes]
    renamed = find_renamed_classes(recorded.values(), present.values(), missing, new)
    return Changes(
        added=tuple(image_id for image_id in present if image_id not in recorded),
        removed=tuple(image_id for image_id in recorded if image_id not in present),
        modified=tuple(
            image_id
            for image_id, content in recorded.items()
            if image_id in present and present[image_id] != content
        ),
        new_classes=tuple(name for name in new if name not in dict(renamed).values()),
        missing_classes=tuple(name for name in missing if name not in dict(renamed)),
        renamed_classes=renamed,
    )


def find_renamed_classes(
    recorded: Any, present: Any, missing: Sequence[str], new: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Pairs of a missing and a new class that have the same images.

    Args:
        recorded: (content hash, class names) of every recorded image.
        present: The same of every present image.
        missing: Recorded classes that are not present.
        new: Present classes that are not recorded.
    """
    if not missing or not new:
        return ()

    def hashes_of(images: Any, name: str) -> list[str]:
        return sorted(image_hash for image_hash, names in images if name in names)

    by_images = {tuple(hashes_of(present, name)): name for name in new}
    pairs = ((name, by_images.get(tuple(hashes_of(recorded, name)))) for name in missing)
    return tuple((old, name) for old, name in pairs if name is not None)


def describe_changes(changes: Changes) -> str:
    """The changes in one line: "2 images added (cat/7.png, cat/8.png), new class 'dog'"."""
    parts = [f"class {old!r} is now named {name!r}" for old, name in changes.renamed_classes]
    if changes.new_classes:
        parts.append(f"new {list_names('class', changes.new_classes)}")
    if changes.missing_classes:
        parts.append(f"missing {list_names('class', changes.missing_classes)}")
    for verb in ("added", "removed", "modified"):
        ids = getattr(changes, verb)
        if ids and not changes.renamed_classes:  # which change the ids of their images
            noun = "image" if len(ids) == 1 else "images"
            more = ", …" if len(ids) > MAX_LISTED else ""
            parts.append(f"{len(ids):,} {noun} {verb} ({', '.join(ids[:MAX_LISTED])}{more})")
    return ", ".join(parts)


def list_names(noun: str, names: Sequence[str]) -> str:
    """ "class 'a'", or "classes 'a', 'b', …" """
    more = ", …" if len(names) > MAX_LISTED else ""
    plural = noun if len(names) == 1 else noun + "es"
    return f"{plural} {', '.join(map(repr, names[:MAX_LISTED]))}{more}"


def restore_recorded(record: DataRecord, dataset: Dataset, *, training: bool) -> Dataset:
    """The images of a record with their recorded splits, order and labels.

    Images that were added or modified are left out, as are classes that were added. An image with
    other labels keeps the recorded ones.

    Args:
        record: The data of a run.
        dataset: The present data set.
        training: Whether the run is to be trained further, which needs every training image.

    Raises:
        UserError: A split has no image left, or a training image is missing.
    """
    if is_unchanged(record, dataset):
        return dataset
    places = {
        image_id: (split, index, image_hash)
        for split, content in dataset.splits.items()
        for index, (image_id, image_hash) in enumerate(
            zip(content.ids, content.hashes, strict=True)
        )
    }
    splits = {}
    for name, recorded in record.splits.items():
        kept = [
            row
            for row, (image_id, image_hash) in enumerate(
                zip(recorded.ids, recorded.hashes, strict=True)
            )
            if image_id in places and places[image_id][2] == image_hash
        ]
        lost = len(recorded.ids) - len(kept)
        if not kept or (lost and training and name == "train"):
            raise UserError(
                f"{lost:,} of the {len(recorded.ids):,} images of the split {name!r} are missing "
                "or modified: restore them, or give another --workdir for a new run"
            )
        ids = tuple(recorded.ids[row] for row in kept)
        rows = [places[image_id][:2] for image_id in ids]
        splits[name] = Split(
            gather_images(dataset, rows),
            encode_labels([recorded.labels[row] for row in kept], record, dataset),
            ids,
            tuple(recorded.hashes[row] for row in kept),
        )
    return dataclasses.replace(dataset, classes=record.classes, groups=record.groups, splits=splits)


def gather_images(dataset: Dataset, rows: Sequence[tuple[str, int]]) -> Images:
    """The images at (split, index); those of a whole split in its order are not copied."""
    names = list(dict.fromkeys(name for name, _ in rows))
    indices = np.array([index for _, index in rows])
    if len(names) == 1:
        images = dataset.splits[names[0]].images
        whole = len(indices) == len(images) and (indices == np.arange(len(images))).all()
        return images if whole else select_images(images, indices)
    numbers = {name: number for number, name in enumerate(names)}
    part_of = np.array([numbers[name] for name, _ in rows])
    return join_images([dataset.splits[name].images for name in names], part_of, indices)


def encode_labels(
    labels: Sequence[tuple[int, ...]], record: DataRecord, dataset: Dataset
) -> np.ndarray:
    """Recorded labels as the data set has them: int32 [n], or multi-hot float32 [n k]."""
    multi_hot = dataset.splits["train"].labels.ndim == 2
    if not multi_hot:
        return np.array([label for (label,) in labels], np.int32)
    rows = np.zeros((len(labels), len(record.classes)), np.float32)
    for row, image_labels in zip(rows, labels, strict=True):
        row[list(image_labels)] = 1
    return rows
