"""Covers of video games by genre, without duplicates and split by title; supplied by the user."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import tensorflow_datasets as tfds
from tqdm import tqdm

from gv_jax.data import decode, titles
from gv_jax.data.builders import cover_sources, folder_listing
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.content_hash import content_digest
from gv_jax.data.builders.cover_report import CopyGroup, covers_report, group_copies
from gv_jax.data.builders.cover_sources import Cover
from gv_jax.data.duplicates import groups, hashing
from gv_jax.data.duplicates.hashing import Signature
from gv_jax.data.splits import stratified
from gv_jax.errors import UserError

MIN_PER_SPLIT = 3  # titles per split of a first genre that the split is stratified by
COVERS_PER_BATCH = 256
SIGNATURE_THREADS = 4  # PIL decodes without holding the GIL


class GameCovers(ImageBuilder, skip_registration=True):
    """path/<genre>/*, or a CSV file with the columns file, genres and optionally title.

    A cover has several genres if the CSV file says so, or if copies of it are in several folders.
    Its label is the first one in the order of `classes`; the others are `extra_labels`. Exact and
    near copies are removed by `cover_report.COPY_RULE`. The split is stratified by genre, and all
    covers of a title (`titles.group_by_shared_title`) are in one split. `report` counts the covers
    before and after, per class and split.

    Args:
        root, path: as in ImageBuilder.
        genres: selected genres in order of priority; () for all in alphabetical order.
        options: the other arguments of ImageBuilder.

    Raises:
        UserError: see `cover_sources.read_covers`.
    """

    name = "game_covers"
    VERSION = tfds.core.Version("1.0.0")
    multi_label = True

    def __init__(self, *, root: Path, path: str, genres: Sequence[str], **options):
        if not path:
            raise UserError(
                "game_covers requires --config.data.path=DIR, with one folder of covers per genre, "
                "or with a CSV file."
            )
        self.folder = Path(path).expanduser()
        folder_listing.check_root_outside(root, self.folder)
        self.index = cover_sources.read_covers(self.folder, genres)
        self.classes, self.groups = self.index.classes, {}
        self.notes = self.index.notes
        files = [
            ("\0".join([cover.name, cover.title, *cover.genres]), cover.path)
            for cover in self.index.covers
        ]
        super().__init__(
            root=root,
            path=path,
            fingerprint_fields={
                "folder": os.path.realpath(self.folder),
                "covers": content_digest(files, root),
                "classes": self.classes,
                "errors": self.index.errors,
                "duplicates": [hashing.HASH_VERSION, groups.GROUPS_VERSION],
            },
            **options,
        )

    @cached_property
    def title_groups(self) -> dict[str, str]:
        """Id of every cover -> the group of its title."""
        covers = self.index.covers
        title_groups = titles.group_by_shared_title([cover.title for cover in covers])
        return {cover.name: group for cover, group in zip(covers, title_groups, strict=True)}

    def group_of(self, image_id: str) -> str:
        """The title of a cover."""
        return self.title_groups[image_id]

    def generate(self) -> Mapping[str, Sequence[Example]]:
        for origin, reason in self.index.errors:
            self.skip_or_raise(origin, reason)
        if self.index.num_unmatched:
            self.warnings.append(
                f"{self.folder}: {self.index.num_unmatched:,} covers have none of the genres "
                f"{', '.join(self.classes)}"
            )
        signed = list(self._sign(self.index.covers))
        covers = [cover for cover, _ in signed]
        copies = group_copies([signature for _, signature in signed], [c.name for c in covers])
        genres, removed = merge_copies(covers, copies)
        kept = [index for index in range(len(covers)) if index not in removed]
        labels = [
            [label for label, genre in enumerate(self.classes) if genre in genres[index]]
            for index in kept
        ]
        title_groups = titles.group_by_shared_title([covers[index].title for index in kept])
        parts = self._assign_splits(labels, title_groups)
        self.extra_labels = {
            covers[index].name: cover_labels[1:]
            for index, cover_labels in zip(kept, labels, strict=True)
            if cover_labels[1:]
        }
        split_labels = {split: [labels[i] for i in indices] for split, indices in parts.items()}
        self.report = covers_report(covers, copies, self.classes, title_groups, split_labels)
        if copies:
            counts = self.report["duplicates"]
            self.warnings.append(
                f"{counts['removed']:,} copies of {counts['groups']:,} covers are removed; copies "
                f"of {counts['groups_across_genres']:,} covers have different genres: see "
                "report.json"
            )
        return {
            split: [
                Example(covers[kept[i]].name, labels[i][0], covers[kept[i]].path) for i in indices
            ]
            for split, indices in parts.items()
        }

    def _assign_splits(
        self, labels: Sequence[Sequence[int]], title_groups: Sequence[str]
    ) -> dict[str, list[int]]:
        """Split -> indices of its covers.

        Stratified by all genres of a cover, and also by first genre where that has enough titles.
        """
        fractions = stratified.split_fractions(self.valid_fraction, self.test_fraction)
        titles_of_first_genres = {
            (group, cover_labels[0])
            for group, cover_labels in zip(title_groups, labels, strict=True)
        }
        num_titles = Counter(label for _, label in titles_of_first_genres)
        min_titles = MIN_PER_SPLIT * len(fractions)
        first_labels = [
            label for label in range(len(self.classes)) if num_titles[label] >= min_titles
        ]
        strata = [
            *self.classes,
            *(f"{self.classes[label]} (first genre)" for label in first_labels),
        ]
        stratum = {label: len(self.classes) + i for i, label in enumerate(first_labels)}
        cover_strata = [
            (*cover_labels, *(stratum[label] for label in cover_labels[:1] if label in stratum))
            for cover_labels in labels
        ]
        return stratified.assign_multilabel(
            cover_strata, title_groups, fractions, self.split_seed, strata
        )

    def _sign(self, covers: Sequence[Cover]) -> Iterator[tuple[Cover, Signature]]:
        """Every cover that can be decoded, with its signature."""

        def sign(cover: Cover) -> tuple[Signature | str, tuple[str, ...]]:
            try:
                image, remarks = decode.open_with_remarks(cover.path)
                return hashing.image_signature(image), remarks
            except decode.CorruptImageError as error:
                return str(error), ()

        bar = tqdm(total=len(covers), desc=f"{self.name}: compare", unit=" images", delay=1)
        with ThreadPoolExecutor(SIGNATURE_THREADS) as pool, bar:
            for start in range(0, len(covers), COVERS_PER_BATCH):
                batch = covers[start : start + COVERS_PER_BATCH]
                for cover, (signature, remarks) in zip(batch, pool.map(sign, batch), strict=True):
                    self.warnings += [f"{cover.origin}: {remark}" for remark in remarks]
                    if isinstance(signature, Signature):
                        yield cover, signature
                    else:
                        self.skip_or_raise(cover.origin, signature)
                bar.update(len(batch))


def merge_copies(
    covers: Sequence[Cover], copies: Sequence[CopyGroup]
) -> tuple[list[set[str]], set[int]]:
    """(genres of every cover, those of its copies included; indices of the removed copies)."""
    genres: list[set[str]] = [set(cover.genres) for cover in covers]
    removed: set[int] = set()
    for group in copies:
        genres[group.indices[0]] = set.union(*(genres[index] for index in group.indices))
        removed.update(group.indices[1:])
    return genres, removed
