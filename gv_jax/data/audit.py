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

from gv_jax.data import hashing, lookalikes, preprocess
from gv_jax.data.box import Box
from gv_jax.data.builders import PictureBuilder
from gv_jax.data.hashing import Signature

VERSION = f"1.{hashing.VERSION}.{lookalikes.VERSION}"  # an audit of another version is made anew
TINY = 16  # pixels; a picture with a shorter side has little to learn from
BATCH = 256  # encoded pictures in memory
THREADS = 4  # they decode outside of Python's lock


@dataclass(frozen=True)
class Group:
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
    groups: tuple[Group, ...]
    leaks: dict[str, dict[str, int]]
    tiny: tuple[str, ...]
    constant: tuple[str, ...]
    balance: dict[str, dict[str, int]]
    sizes: dict[str, int]
    modes: dict[str, int]

    @property
    def conflicts(self) -> tuple[Group, ...]:
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


def of(builder: PictureBuilder) -> Audit:
    """The audit of a prepared set, as it is before any picture is resized; kept beside it after the first time."""
    file = builder.data_path / f"audit-{VERSION}.json"
    try:
        return from_json(json.loads(file.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # not there, or damaged
        found = examine(builder)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(json.dumps(to_json(found)), encoding="utf-8")
    partial.replace(file)
    return found


def examine(builder: PictureBuilder) -> Audit:
    """Decodes every picture of a prepared set and looks at it."""
    files, splits, labels, places, signatures = [], [], [], [], []
    for split in builder.info.splits:
        for place, (file, label, signature) in enumerate(sign(builder, split)):
            files.append(file)
            splits.append(split)
            labels.append(builder.classes[label])
            places.append(place)
            signatures.append(signature)

    def grouped(kind: str, members: list[list[int]]) -> list[Group]:
        columns = files, splits, labels, places
        return [Group(kind, *(tuple(column[member] for member in group) for column in columns)) for group in members]

    groups = [*grouped("exact", lookalikes.same(signatures)), *grouped("near", lookalikes.alike(signatures))]
    groups.sort(key=lambda group: (not group.leaking, not group.conflicting, -len(group.files)))
    here = list(zip(files, signatures, strict=True))
    pairs = Counter(zip(splits, labels, strict=True))
    return Audit(
        name=builder.name,
        counts=dict(Counter(splits)),
        groups=tuple(groups),
        leaks={split: leaks(groups, split) for split in builder.info.splits if split != "train"},
        tiny=tuple(file for file, signature in here if min(signature.size) < TINY),
        constant=tuple(file for file, signature in here if signature.constant),
        balance={split: {name: pairs[split, name] for name in builder.classes} for split in builder.info.splits},
        sizes=dict(Counter("{}x{}".format(*signature.size) for signature in signatures).most_common()),
        modes=dict(Counter(signature.mode for signature in signatures).most_common()),
    )


def sign(builder: PictureBuilder, split: str) -> Iterator[tuple[str, int, Signature]]:
    """(id, label, signature) of every picture of a prepared split, in order."""
    count = builder.info.splits[split].num_examples
    examples = iter(tqdm(builder.examples(split), f"{builder.name}: audit {split}", count, unit=" pictures", delay=1))

    def signed(example: tuple[str, int, bytes, Box]) -> tuple[str, int, Signature]:
        file, label, data, _ = example
        return file, label, hashing.signature(preprocess.open_picture(io.BytesIO(data)))

    with ThreadPoolExecutor(THREADS) as pool:
        while batch := list(islice(examples, BATCH)):
            yield from pool.map(signed, batch)


def leaks(groups: Sequence[Group], split: str) -> dict[str, int]:
    """How many pictures of a held-out split are in training too, as the same pixels or as nearly the same."""
    found: dict[str, set[str]] = {"exact": set(), "near": set()}
    for group in groups:
        if "train" in group.splits:
            members = zip(group.files, group.splits, strict=True)
            found[group.kind].update(file for file, its in members if its == split)
    return {"exact": len(found["exact"]), "near": len(found["near"] - found["exact"])}


def to_json(audit: Audit) -> dict[str, Any]:
    """`audit` as audit.json holds it."""
    return {**dataclasses.asdict(audit), "summary": audit.summary}


def from_json(value: dict[str, Any]) -> Audit:
    """The audit that `to_json` gave."""
    fields = {field.name: value[field.name] for field in dataclasses.fields(Audit)}
    fields["groups"] = tuple(Group(**{name: _tuple(part) for name, part in group.items()}) for group in value["groups"])
    return Audit(**{name: _tuple(part) for name, part in fields.items()})


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
