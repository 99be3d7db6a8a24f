"""The audit of a data set: duplicates, leaks, label conflicts, tiny and single-color images."""

import dataclasses
import io
import json
import os
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.box import Box
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.duplicates import groups as duplicate_groups
from gv_jax.data.duplicates import hashing
from gv_jax.data.duplicates.hashing import MODES, Signature
from gv_jax.data.duplicates.signature_file import SignatureFile
from gv_jax.data.parallel import count_cores, map_in_threads
from gv_jax.data.string_array import StringArray, StringWriter

# A stored audit of another version is recomputed.
AUDIT_VERSION = f"3.{hashing.HASH_VERSION}.{duplicate_groups.GROUPS_VERSION}"
TINY_PIXELS = 16  # pixels; images with a shorter side are listed as tiny


@dataclass(frozen=True)
class DuplicateGroup:
    """Images that are equal ("exact": all pixels) or near-duplicates ("near").

    An image is in at most one group of each kind. A near group includes the exact copies of its
    images.

    Attributes:
        kind: "exact" or "near".
        files: Id of each image.
        splits: Split of each image.
        labels: Class name of each image.
        indices: Index of each image in its split.
        relations: (file, file, how the second follows from the first) of the pairs that connect
            the group, as in ("a.png", "b.png", "scaled x2, mirrored").
    """

    kind: str
    files: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    indices: tuple[int, ...]
    relations: tuple[tuple[str, str, str], ...] = ()

    @property
    def conflicting(self) -> bool:
        """Whether its images have different labels."""
        return len(set(self.labels)) > 1

    @property
    def leaking(self) -> bool:
        """Whether it has images both in train and in another split."""
        return "train" in self.splits and set(self.splits) != {"train"}


@dataclass(frozen=True)
class Audit:
    """The audit of one data set.

    Attributes:
        name: Name of the data set.
        counts: Split -> number of images.
        groups: Groups of duplicates: leaking ones first, then conflicting ones, then by size.
        leaks: Split other than train -> {"exact": images with an exact copy in train, "near":
            further images with a near-duplicate in train}.
        tiny: Ids of images with a side below TINY_PIXELS.
        constant: Ids of images of a single color. They are in no group: that two textures are of
            one color says nothing about their labels.
        skipped: "file: reason" of the images that were left out before.
        folder: Folder or file of the source images; "" if there is none.
        balance: Split -> class -> number of images.
        sizes: "WIDTHxHEIGHT" -> number of images, the most frequent first.
        modes: L, LA, RGB or RGBA -> number of images, the most frequent first.
    """

    name: str
    counts: dict[str, int]
    groups: tuple[DuplicateGroup, ...]
    leaks: dict[str, dict[str, int]]
    tiny: tuple[str, ...]
    constant: tuple[str, ...]
    balance: dict[str, dict[str, int]]
    sizes: dict[str, int]
    modes: dict[str, int]
    skipped: tuple[str, ...] = ()
    folder: str = ""

    @property
    def conflicts(self) -> tuple[DuplicateGroup, ...]:
        """The groups with different labels."""
        return tuple(group for group in self.groups if group.conflicting)

    @property
    def leaked(self) -> frozenset[str]:
        """Ids of training images with a duplicate in another split."""
        return frozenset(
            file
            for group in self.groups
            if group.leaking
            for file, split in zip(group.files, group.splits, strict=True)
            if split == "train"
        )

    @property
    def summary(self) -> dict[str, Any]:
        """The number of images or groups with each kind of problem."""
        return {
            "leaks": self.leaks,
            "leaked_train_images": len(self.leaked),
            "label_conflicts": len(self.conflicts),
            "exact_groups": sum(group.kind == "exact" for group in self.groups),
            "near_groups": sum(group.kind == "near" for group in self.groups),
            "tiny": len(self.tiny),
            "constant": len(self.constant),
        }


def audit_dataset(builder: ImageBuilder) -> Audit:
    """The audit of a prepared data set before any resize; stored beside it after the first call."""
    path = builder.data_path / f"audit-{AUDIT_VERSION}.json"
    try:
        return audit_from_json(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # missing or damaged
        audit = compute_audit(builder)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(audit_to_json(audit)), encoding="utf-8")
    unfinished.replace(path)
    return audit


def compute_audit(builder: ImageBuilder) -> Audit:
    """Decodes every image of a prepared data set and compares them.

    The id, label and size of every image are in memory; what is compared is in
    temporary files in the folder of the data.
    """
    ids, labels, counts = StringWriter(), array("i"), {}
    with SignatureFile(builder.root) as stored:
        for split in builder.info.splits:
            for file, label, signature in iter_signatures(builder, split):
                ids.append(file)
                labels.append(label)
                stored.append(signature)
            counts[split] = len(ids) - sum(counts.values())
        images = _Images(ids.to_array(), np.array(labels), counts, builder.classes)
        groups = list(find_groups(stored, images))
        sizes, constant, modes = stored.sizes, stored.constant, stored.modes
    groups.sort(key=lambda group: (not group.leaking, not group.conflicting, -len(group.files)))
    small = np.flatnonzero(sizes.min(axis=1) < TINY_PIXELS)
    return Audit(
        name=builder.name,
        counts=counts,
        groups=tuple(groups),
        leaks={
            split: count_leaks(groups, split) for split in builder.info.splits if split != "train"
        },
        tiny=tuple(images.ids.take(small)),
        constant=tuple(images.ids.take(np.flatnonzero(constant))),
        balance=images.count_classes(),
        sizes={f"{size[0]}x{size[1]}": count for size, count in count_rows(sizes)},
        modes={MODES[mode[0]]: count for mode, count in count_rows(modes[:, None])},
        skipped=tuple(builder.skipped),
        folder=builder.path,
    )


@dataclass(frozen=True)
class _Images:
    """What is known of all images, split by split."""

    ids: StringArray
    labels: np.ndarray  # int [n]
    counts: Mapping[str, int]  # of each split
    classes: Sequence[str]

    def locate(self, index: int) -> tuple[str, int]:
        """The split of an image, and its index in the split."""
        for split, count in self.counts.items():
            if index < count:
                return split, index
            index -= count
        raise IndexError(index)

    def count_classes(self) -> dict[str, dict[str, int]]:
        """Split -> class -> number of images."""
        parts = np.split(self.labels, np.cumsum(list(self.counts.values()))[:-1])
        return {
            split: dict(
                zip(
                    self.classes,
                    np.bincount(part, minlength=len(self.classes)).tolist(),
                    strict=True,
                )
            )
            for split, part in zip(self.counts, parts, strict=True)
        }

    def make_group(
        self, kind: str, members: list[int], relations: Mapping[tuple[int, int], str]
    ) -> DuplicateGroup:
        """The group of the images `members`."""
        located = [self.locate(member) for member in members]
        files = {member: self.ids[member] for member in members}  # one string for all relations
        return DuplicateGroup(
            kind,
            files=tuple(files.values()),
            splits=tuple(split for split, _ in located),
            labels=tuple(self.classes[int(self.labels[member])] for member in members),
            indices=tuple(index for _, index in located),
            relations=tuple(
                (files[first], files[second], sys.intern(how))
                for (first, second), how in relations.items()
            ),
        )


def count_rows(rows: np.ndarray) -> list[tuple[list[int], int]]:
    """Each of the rows of int [n d] and how often it occurs: the most frequent first."""
    unique, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    return list(zip(unique[order].tolist(), counts[order].tolist(), strict=True))


def find_groups(stored: SignatureFile, images: _Images) -> Iterator[DuplicateGroup]:
    """Every group of equal images and of near-duplicates, but for images of a single color."""
    constant = stored.constant
    equal: dict[int, dict[tuple[int, int], str]] = {}  # by the first image of a group
    for members in duplicate_groups.find_equal_rows(stored.digests):
        if constant[members[0]]:
            continue
        relations = {(members[0], other): "equal" for other in members[1:]}
        equal[members[0]] = relations
        yield images.make_group("exact", members, relations)
    for copies in duplicate_groups.group_near_duplicates(stored):
        relations = {pair: str(relation) for pair, relation in copies.relations.items()}
        for member in copies.members:
            relations |= equal.get(member, {})
        yield images.make_group("near", copies.members, relations)


def iter_signatures(builder: ImageBuilder, split: str) -> Iterator[tuple[str, int, Signature]]:
    """(id, label, signature) of every image of a prepared split, in order."""
    count = builder.info.splits[split].num_examples
    title = f"{builder.name}: audit {split}"
    examples = iter(tqdm(builder.examples(split), title, count, unit=" images", delay=1))

    def compute(example: tuple[str, int, bytes, Box]) -> tuple[str, int, Signature]:
        file, label, data, _ = example
        return file, label, hashing.image_signature(decode.open_image(io.BytesIO(data)))

    return map_in_threads(compute, examples, count_cores())


def count_leaks(groups: Sequence[DuplicateGroup], split: str) -> dict[str, int]:
    """How many images of `split` have an exact copy, or else a near-duplicate, in train."""
    leaks: dict[str, set[str]] = {"exact": set(), "near": set()}
    for group in groups:
        if "train" in group.splits:
            members = zip(group.files, group.splits, strict=True)
            leaks[group.kind].update(file for file, file_split in members if file_split == split)
    return {"exact": len(leaks["exact"]), "near": len(leaks["near"] - leaks["exact"])}


def audit_to_json(audit: Audit) -> dict[str, Any]:
    """`audit` with its summary, as JSON values."""
    return {**dataclasses.asdict(audit), "summary": audit.summary}


def audit_from_json(value: dict[str, Any]) -> Audit:
    """The inverse of `audit_to_json`."""
    fields = {field.name: value[field.name] for field in dataclasses.fields(Audit)}
    fields["groups"] = tuple(
        DuplicateGroup(
            **{
                **{name: _to_tuple(item) for name, item in group.items()},
                "relations": tuple(map(tuple, group["relations"])),
            }
        )
        for group in value["groups"]
    )
    return Audit(**{name: _to_tuple(item) for name, item in fields.items()})


def _to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
