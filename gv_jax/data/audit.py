"""What is wrong, or worth knowing, about the pictures of a data set before anything is trained on them."""

import dataclasses
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tqdm import tqdm

from gv_jax.data import decode
from gv_jax.data.box import Box
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.duplicates import groups as duplicate_groups
from gv_jax.data.duplicates import hashing
from gv_jax.data.duplicates.hashing import Signature

AUDIT_VERSION = f"1.{hashing.HASH_VERSION}.{duplicate_groups.GROUPS_VERSION}"  # an audit of another version is made anew
TINY_PIXELS = 16  # pixels; a picture with a shorter side has little to learn from
IMAGES_PER_BATCH = 256  # encoded pictures in memory
DECODE_THREADS = 4  # they decode outside of Python's lock


@dataclass(frozen=True)
class DuplicateGroup:
    """Pictures that are the same ("exact": all pixels) or nearly ("near").

    A picture can be in one group of each kind: its exact copies are also in its "near" group. files: ids.
    places: of each in its split.
    """

    kind: str
    files: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    places: tuple[int, ...]

    @property
    def conflicting(self) -> bool:
        """Whether it bears two labels."""
        return len(set(self.labels)) > 1

    @property
    def leaking(self) -> bool:
        """Whether it is in training and held out."""
        return "train" in self.splits and set(self.splits) != {"train"}


@dataclass(frozen=True)
class Audit:
    """counts: pictures of each split. groups: those that leak first, then conflicting ones, then large ones.

    leaks: for each held-out split how many of its pictures are in training too, {"exact", "near"}, the
    latter without the former. tiny, constant: ids. balance: split -> class -> pictures. sizes ("WIDTHxHEIGHT")
    and modes (L, LA, RGB, RGBA): pictures of each, the most frequent first.
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

    @property
    def conflicts(self) -> tuple[DuplicateGroup, ...]:
        """The groups with two labels."""
        return tuple(group for group in self.groups if group.conflicting)

    @property
    def leaked(self) -> frozenset[str]:
        """The training pictures that are held out too: what has to go for the test to be fair."""
        return frozenset(
            file
            for group in self.groups
            if group.leaking
            for file, split in zip(group.files, group.splits, strict=True)
            if split == "train"
        )

    @property
    def summary(self) -> dict[str, Any]:
        """The counts that say whether something is wrong."""
        return {
            "leaks": self.leaks,
            "training_pictures_held_out_too": len(self.leaked),
            "label_conflicts": len(self.conflicts),
            "exact_groups": sum(group.kind == "exact" for group in self.groups),
            "near_groups": sum(group.kind == "near" for group in self.groups),
            "tiny": len(self.tiny),
            "constant": len(self.constant),
        }


def audit_dataset(builder: ImageBuilder) -> Audit:
    """The audit of a prepared set, as it is before any picture is resized; kept beside it after the first time."""
    file = builder.data_path / f"audit-{AUDIT_VERSION}.json"
    try:
        return audit_from_json(json.loads(file.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # not there, or damaged
        found = compute_audit(builder)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(json.dumps(audit_to_json(found)), encoding="utf-8")
    partial.replace(file)
    return found


def compute_audit(builder: ImageBuilder) -> Audit:
    """Decodes every picture of a prepared set and looks at it."""
    files, splits, labels, places, signatures = [], [], [], [], []
    for split in builder.info.splits:
        for place, (file, label, signature) in enumerate(iter_signatures(builder, split)):
            files.append(file)
            splits.append(split)
            labels.append(builder.classes[label])
            places.append(place)
            signatures.append(signature)

    def grouped(kind: str, members: list[list[int]]) -> list[DuplicateGroup]:
        columns = files, splits, labels, places
        return [
            DuplicateGroup(kind, *(tuple(column[member] for member in group) for column in columns))
            for group in members
        ]

    groups = [
        *grouped("exact", duplicate_groups.exact_duplicate_groups(signatures)),
        *grouped("near", duplicate_groups.near_duplicate_groups(signatures)),
    ]
    groups.sort(key=lambda group: (not group.leaking, not group.conflicting, -len(group.files)))
    here = list(zip(files, signatures, strict=True))
    pairs = Counter(zip(splits, labels, strict=True))
    return Audit(
        name=builder.name,
        counts=dict(Counter(splits)),
        groups=tuple(groups),
        leaks={
            split: count_leaks(groups, split) for split in builder.info.splits if split != "train"
        },
        tiny=tuple(file for file, signature in here if min(signature.size) < TINY_PIXELS),
        constant=tuple(file for file, signature in here if signature.constant),
        balance={
            split: {name: pairs[split, name] for name in builder.classes}
            for split in builder.info.splits
        },
        sizes=dict(
            Counter("{}x{}".format(*signature.size) for signature in signatures).most_common()
        ),
        modes=dict(Counter(signature.mode for signature in signatures).most_common()),
    )


def iter_signatures(builder: ImageBuilder, split: str) -> Iterator[tuple[str, int, Signature]]:
    """(id, label, signature) of every picture of a prepared split, in order."""
    count = builder.info.splits[split].num_examples
    examples = iter(
        tqdm(
            builder.examples(split),
            f"{builder.name}: audit {split}",
            count,
            unit=" pictures",
            delay=1,
        )
    )

    def signed(example: tuple[str, int, bytes, Box]) -> tuple[str, int, Signature]:
        file, label, data, _ = example
        return file, label, hashing.image_signature(decode.open_image(io.BytesIO(data)))

    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        while batch := list(islice(examples, IMAGES_PER_BATCH)):
            yield from pool.map(signed, batch)


def count_leaks(groups: Sequence[DuplicateGroup], split: str) -> dict[str, int]:
    """How many pictures of a held-out split are in training too, as the same pixels or as nearly the same."""
    found: dict[str, set[str]] = {"exact": set(), "near": set()}
    for group in groups:
        if "train" in group.splits:
            members = zip(group.files, group.splits, strict=True)
            found[group.kind].update(file for file, its in members if its == split)
    return {"exact": len(found["exact"]), "near": len(found["near"] - found["exact"])}


def audit_to_json(audit: Audit) -> dict[str, Any]:
    """`audit` as audit.json holds it."""
    return {**dataclasses.asdict(audit), "summary": audit.summary}


def audit_from_json(value: dict[str, Any]) -> Audit:
    """The audit that `to_json` gave."""
    fields = {field.name: value[field.name] for field in dataclasses.fields(Audit)}
    fields["groups"] = tuple(
        DuplicateGroup(**{name: _tuple(part) for name, part in group.items()})
        for group in value["groups"]
    )
    return Audit(**{name: _tuple(part) for name, part in fields.items()})


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
