"""Copies among covers, and the report on them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gv_jax.data.builders.cover_sources import Cover
from gv_jax.data.duplicates import groups as duplicate_groups
from gv_jax.data.duplicates.hashing import Signature

COPY_RULE = (
    "Of a group of copies the image with most pixels is kept; ties go to the first one by name. "
    "It gets the genres of all its copies. Its label is the first of them in the order of the "
    "classes."
)


@dataclass(frozen=True)
class CopyGroup:
    """Covers that are "exact" or "near" copies; `indices` begins with the one that is kept."""

    kind: str
    indices: tuple[int, ...]


def group_copies(signatures: Sequence[Signature], names: Sequence[str]) -> list[CopyGroup]:
    """Groups of copies; an image is in at most one group. In a group, larger images come first."""
    near = duplicate_groups.near_duplicate_groups(signatures)
    in_near = {index for group in near for index in group}
    exact = [
        group
        for group in duplicate_groups.exact_duplicate_groups(signatures)
        if group[0] not in in_near
    ]

    def order(index: int) -> tuple[int, str]:
        width, height = signatures[index].size
        return -width * height, names[index]

    kinds = [("exact", group) for group in exact] + [("near", group) for group in near]
    copies = [CopyGroup(kind, tuple(sorted(group, key=order))) for kind, group in kinds]
    return sorted(copies, key=lambda group: names[group.indices[0]])


def covers_report(
    covers: Sequence[Cover],
    copies: Sequence[CopyGroup],
    classes: Sequence[str],
    title_groups: Sequence[str],
    split_labels: Mapping[str, Sequence[Sequence[int]]],
) -> dict[str, Any]:
    """The content of report.json.

    Counts per class are of first genres; "all_genres" counts every genre of the kept covers.

    Args:
        covers: all covers that can be decoded, copies included.
        copies: groups of copies, as indices into `covers`.
        classes: genres.
        title_groups: the title of each kept cover.
        split_labels: split -> the labels of each of its covers.
    """
    groups = [_describe_group(group, covers, classes) for group in copies]
    num_raw = Counter(cover.genres[0] for cover in covers)
    first_genres = {
        split: Counter(classes[labels[0]] for labels in members)
        for split, members in split_labels.items()
    }
    all_genres = Counter(
        classes[label]
        for members in split_labels.values()
        for labels in members
        for label in labels
    )
    title_sizes = Counter(title_groups)
    return {
        "raw": len(covers),
        "kept": len(title_groups),
        "rule": COPY_RULE,
        "classes": [
            {
                "class": genre,
                "raw": num_raw[genre],
                "kept": sum(counts[genre] for counts in first_genres.values()),
                **{split: counts[genre] for split, counts in first_genres.items()},
                "all_genres": all_genres[genre],
            }
            for genre in classes
        ],
        "splits": {split: len(members) for split, members in split_labels.items()},
        "titles": {
            "count": len(title_sizes),
            "with_several_covers": sum(size > 1 for size in title_sizes.values()),
        },
        "duplicates": {
            "removed": len(covers) - len(title_groups),
            "groups": len(groups),
            "exact_groups": sum(group["kind"] == "exact" for group in groups),
            "near_groups": sum(group["kind"] == "near" for group in groups),
            "groups_across_genres": sum(group["across_genres"] for group in groups),
        },
        "duplicate_groups": groups,
    }


def _describe_group(
    group: CopyGroup, covers: Sequence[Cover], classes: Sequence[str]
) -> dict[str, Any]:
    members = [covers[index] for index in group.indices]
    present = {genre for cover in members for genre in cover.genres}
    genres = [genre for genre in classes if genre in present]
    return {
        "kind": group.kind,
        "kept": members[0].name,
        "removed": [cover.name for cover in members[1:]],
        "genres": genres,
        "label": genres[0],
        "across_genres": len({cover.genres for cover in members}) > 1,
    }
