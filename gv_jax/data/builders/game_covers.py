"""Covers of video games by genre, without copies and divided by title; everybody brings their own."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data import decode, titles
from gv_jax.data.builders import cover_sources
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.cover_sources import Cover
from gv_jax.data.duplicates import groups, hashing
from gv_jax.data.duplicates.hashing import Signature
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError

SPLIT_RULE = (
    "Of copies the largest picture is kept, of equals the first by name. It has the genres of all its copies; where "
    "one genre counts, it is the one that comes first in the order of the classes."
)
MIN_PER_GENRE = 3  # titles of a first genre for each split, or the split is not stratified by it
COVERS_PER_BATCH, SIGNATURE_THREADS = 256, 4  # pictures decoded at a time, outside of Python's lock


@dataclass(frozen=True)
class Copies:
    """Covers that are the same picture ("exact") or nearly ("near"): places in a list, the one that is kept first."""

    kind: str
    places: tuple[int, ...]


class GameCovers(ImageBuilder, skip_registration=True):
    """path/<genre>/*, or a CSV file with the columns file, genres (| ; or , between them) and perhaps title.

    A cover may have several genres: from the CSV file, or because copies of it stand in several folders. The one that
    comes first in the order of `classes` is its label, the rest are `others`. Copies, exact and near, are left out by
    RULE. The split is stratified by genre, and covers of one title (`titles.families`) stay on one side. `report` says
    how many came, stayed and went where.

    Args:
        genres: that are taken, in the order of their priority; () for all, in alphabetical order.
    """

    name = "game_covers"
    VERSION = tfds.core.Version("1.0.0")
    several = True

    def __init__(self, *, root: Path, path: str, genres: Sequence[str], **options):
        if not path:
            raise UserError(
                "game_covers needs --config.data.path=DIR, with a folder of covers for each genre, or a CSV."
            )
        self.folder = Path(path).expanduser()
        if Path(os.path.realpath(root)).is_relative_to(os.path.realpath(self.folder)):
            raise UserError(
                f"{path}: the prepared data ({root}) would be written inside the folder of covers. "
                "Give another place with --config.data.root=DIR."
            )
        self.shelf = cover_sources.read_covers(self.folder, genres)
        self.classes, self.groups = self.shelf.classes, {}
        listed = hashlib.sha256()
        for cover in self.shelf.covers:
            status = cover.path.stat()
            what = f"{cover.name}\0{cover.genres}\0{cover.title}\0{status.st_size}\0{status.st_mtime_ns}\n"
            listed.update(what.encode("utf-8", "backslashreplace"))
        super().__init__(
            root=root,
            path=path,
            shaped_by={
                "folder": os.path.realpath(self.folder),
                "covers": listed.hexdigest(),
                "classes": self.classes,
                "faults": self.shelf.faults,
                "alike": [hashing.HASH_VERSION, groups.GROUPS_VERSION],
            },
            **options,
        )

    @cached_property
    def families(self) -> dict[str, str]:
        """Of the name of every cover what it belongs to."""
        listed = self.shelf.covers
        found = titles.group_by_shared_title([cover.title for cover in listed])
        return {cover.name: family for cover, family in zip(listed, found, strict=True)}

    def group(self, name: str) -> str:
        """The title of a cover."""
        return self.families[name]

    def pictures(self) -> Mapping[str, Sequence[Example]]:
        for place, why in self.shelf.faults:
            self.broken(place, why)
        if self.shelf.without:
            self.remarks.append(
                f"{self.folder}: {self.shelf.without:,} covers are of none of the genres taken"
            )
        signed = list(self._signed(self.shelf.covers))
        raw, signatures = [cover for cover, _ in signed], [signature for _, signature in signed]
        copies = group_copies(signatures, [cover.name for cover in raw])
        labels: list[set[str]] = [set(cover.genres) for cover in raw]
        gone = set()
        for group in copies:
            labels[group.places[0]] = set.union(*(labels[place] for place in group.places))
            gone.update(group.places[1:])
        kept = [place for place in range(len(raw)) if place not in gone]
        numbers = [
            [label for label, genre in enumerate(self.classes) if genre in labels[place]]
            for place in kept
        ]
        families = titles.group_by_shared_title([raw[place].title for place in kept])
        parts = self._divide(numbers, families)
        self.others = {
            raw[place].name: mine[1:] for place, mine in zip(kept, numbers, strict=True) if mine[1:]
        }
        divided = {split: [numbers[index] for index in indices] for split, indices in parts.items()}
        self.report = self._report(raw, copies, labels, families, divided)
        if copies:
            found = self.report["duplicates"]
            self.remarks.append(
                f"{found['removed']:,} copies were left out, of {found['groups']:,} covers, of which "
                f"{found['groups_across_genres']:,} stood in more than one genre: report.json names them"
            )
        return {
            split: [
                Example(raw[kept[index]].name, numbers[index][0], raw[kept[index]].path)
                for index in indices
            ]
            for split, indices in parts.items()
        }

    def _divide(
        self, numbers: Sequence[Sequence[int]], families: Sequence[str]
    ) -> dict[str, list[int]]:
        """Split -> places of its covers, stratified by genre and, where there are enough, by first genre too."""
        shares = stratified.split_fractions(self.valid_fraction, self.test_fraction)
        apart = Counter(
            label
            for _, label in {
                (family, mine[0]) for family, mine in zip(families, numbers, strict=True)
            }
        )
        firsts = [
            label
            for label in range(len(self.classes))
            if apart[label] >= MIN_PER_GENRE * len(shares)
        ]
        strata = [*self.classes, *(f"{self.classes[label]} (first genre)" for label in firsts)]
        number = {label: len(self.classes) + place for place, label in enumerate(firsts)}
        labels = [
            (*mine, *(number[label] for label in mine[:1] if label in number)) for mine in numbers
        ]
        return stratified.assign_multilabel(labels, families, shares, self.split_seed, strata)

    def _signed(self, listed: Sequence[Cover]) -> Iterator[tuple[Cover, Signature]]:
        """Every cover that can be decoded, and what it looks like."""

        def sign(cover: Cover) -> Signature | decode.CorruptImageError:
            try:
                return hashing.image_signature(decode.open_image(cover.path))
            except decode.CorruptImageError as error:
                return error

        bar = tqdm(total=len(listed), desc=f"{self.name}: compare", unit=" pictures", delay=1)
        with ThreadPoolExecutor(SIGNATURE_THREADS) as pool, bar:
            for batch in (
                listed[start : start + COVERS_PER_BATCH]
                for start in range(0, len(listed), COVERS_PER_BATCH)
            ):
                for cover, found in zip(batch, pool.map(sign, batch), strict=True):
                    if isinstance(found, Signature):
                        yield cover, found
                    else:
                        self.broken(cover.place, str(found))
                bar.update(len(batch))

    def _report(
        self,
        raw: Sequence[Cover],
        copies: Sequence[Copies],
        labels: Sequence[set[str]],
        families: Sequence[str],
        parts: Mapping[str, Sequence[Sequence[int]]],
    ) -> dict[str, Any]:
        """What report.json holds; counts of classes are of first genres, "all_genres" of every genre kept."""
        groups = [self._copies(group, raw, labels[group.places[0]]) for group in copies]
        came = Counter(cover.genres[0] for cover in raw)
        first = {
            split: Counter(self.classes[mine[0]] for mine in members)
            for split, members in parts.items()
        }
        every = Counter(
            self.classes[label] for members in parts.values() for mine in members for label in mine
        )
        sizes = Counter(families)
        return {
            "raw": len(raw),
            "kept": len(families),
            "rule": SPLIT_RULE,
            "classes": [
                {
                    "class": genre,
                    "raw": came[genre],
                    "kept": sum(counts[genre] for counts in first.values()),
                    **{split: counts[genre] for split, counts in first.items()},
                    "all_genres": every[genre],
                }
                for genre in self.classes
            ],
            "splits": {split: len(members) for split, members in parts.items()},
            "titles": {
                "count": len(sizes),
                "with_several_covers": sum(size > 1 for size in sizes.values()),
            },
            "duplicates": {
                "removed": len(raw) - len(families),
                "groups": len(groups),
                "exact_groups": sum(group["kind"] == "exact" for group in groups),
                "near_groups": sum(group["kind"] == "near" for group in groups),
                "groups_across_genres": sum(group["across_genres"] for group in groups),
            },
            "duplicate_groups": groups,
        }

    def _copies(self, group: Copies, raw: Sequence[Cover], labels: set[str]) -> dict[str, Any]:
        members = [raw[place] for place in group.places]
        return {
            "kind": group.kind,
            "kept": members[0].name,
            "removed": [cover.name for cover in members[1:]],
            "genres": [genre for genre in self.classes if genre in labels],
            "label": next(genre for genre in self.classes if genre in labels),
            "across_genres": len({cover.genres for cover in members}) > 1,
        }


def group_copies(signatures: Sequence[Signature], names: Sequence[str]) -> list[Copies]:
    """Copies among pictures, each picture in one group at most; the largest picture of a group first, then by name."""
    near = groups.near_duplicate_groups(signatures)
    inside = {place for group in near for place in group}
    exact = [group for group in groups.exact_duplicate_groups(signatures) if group[0] not in inside]

    def order(place: int) -> tuple[int, str]:
        width, height = signatures[place].size
        return -width * height, names[place]

    kinds = [("exact", group) for group in exact] + [("near", group) for group in near]
    made = [Copies(kind, tuple(sorted(group, key=order))) for kind, group in kinds]
    return sorted(made, key=lambda group: names[group.places[0]])
