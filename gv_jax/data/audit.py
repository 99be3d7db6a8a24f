"""The audit of a data set: duplicates, leaks, label conflicts, tiny and single-color images."""

import dataclasses
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.box import Box
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.duplicates import groups as duplicate_groups
from gv_jax.data.duplicates import hashing
from gv_jax.data.duplicates.hashing import Signature
from gv_jax.data.parallel import count_cores, map_in_threads

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
    """Decodes every image of a prepared data set and compares them."""
    files, splits, labels, indices, signatures = [], [], [], [], []
    for split in builder.info.splits:
        for index, (file, label, signature) in enumerate(iter_signatures(builder, split)):
            files.append(file)
            splits.append(split)
            labels.append(builder.classes[label])
            indices.append(index)
            signatures.append(signature)

    def make_group(
        kind: str, members: list[int], relations: Mapping[tuple[int, int], str]
    ) -> DuplicateGroup:
        pairs = tuple(
            (files[first], files[second], how) for (first, second), how in relations.items()
        )
        return DuplicateGroup(
            kind,
            files=tuple(files[member] for member in members),
            splits=tuple(splits[member] for member in members),
            labels=tuple(labels[member] for member in members),
            indices=tuple(indices[member] for member in members),
            relations=pairs,
        )

    groups = [
        make_group(kind, members, relations)
        for kind, members, relations in find_groups(signatures)
        if not signatures[members[0]].constant
    ]
    groups.sort(key=lambda group: (not group.leaking, not group.conflicting, -len(group.files)))
    examined = list(zip(files, signatures, strict=True))
    class_counts = Counter(zip(splits, labels, strict=True))
    sizes = Counter("{}x{}".format(*signature.size) for signature in signatures)
    modes = Counter(signature.mode for signature in signatures)
    return Audit(
        name=builder.name,
        counts=dict(Counter(splits)),
        groups=tuple(groups),
        leaks={
            split: count_leaks(groups, split) for split in builder.info.splits if split != "train"
        },
        tiny=tuple(file for file, signature in examined if min(signature.size) < TINY_PIXELS),
        constant=tuple(file for file, signature in examined if signature.constant),
        balance={
            split: {name: class_counts[split, name] for name in builder.classes}
            for split in builder.info.splits
        },
        sizes=dict(sizes.most_common()),
        modes=dict(modes.most_common()),
        skipped=tuple(builder.skipped),
        folder=builder.path,
    )


def find_groups(
    signatures: Sequence[Signature],
) -> Iterator[tuple[str, list[int], dict[tuple[int, int], str]]]:
    """("exact" or "near", indices, relation of each connecting pair) of every group."""
    equal: dict[int, dict[tuple[int, int], str]] = {}  # by the first image of a group
    for members in duplicate_groups.exact_duplicate_groups(signatures):
        relations = {(members[0], other): "equal" for other in members[1:]}
        equal[members[0]] = relations
        yield "exact", members, relations
    for copies in duplicate_groups.find_near_duplicates(signatures):
        relations = {pair: str(relation) for pair, relation in copies.relations.items()}
        for member in copies.members:
            relations |= equal.get(member, {})
        yield "near", copies.members, relations


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
