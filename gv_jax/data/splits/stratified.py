"""Stratified splits that keep groups of images together and depend on their seed alone."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from gv_jax.errors import UserError
from gv_jax.wording import count_noun

MAX_LISTED = 100  # classes in a message


def split_fractions(valid_fraction: float, test_fraction: float) -> dict[str, float]:
    """Split -> its fraction of the images, in the order train, valid, test; none that is empty."""
    fractions = {
        "train": 1 - valid_fraction - test_fraction,
        "valid": valid_fraction,
        "test": test_fraction,
    }
    return {split: fraction for split, fraction in fractions.items() if fraction}


def assign_single_label(
    labels: Sequence[int],
    groups: Sequence[str],
    fractions: Mapping[str, float],
    seed: int,
    classes: Sequence[str],
) -> dict[str, list[int]]:
    """`assign_multilabel` with one label per image."""
    alone = {label: (label,) for label in set(labels)}  # one tuple for all images of a class
    return assign_multilabel([alone[label] for label in labels], groups, fractions, seed, classes)


def assign_multilabel(
    labels: Sequence[Sequence[int]],
    groups: Sequence[str],
    fractions: Mapping[str, float],
    seed: int,
    classes: Sequence[str],
) -> dict[str, list[int]]:
    """Split -> indices of its images, ascending; every class is in every split.

    Groups are assigned greedily, the largest first, groups of equal size in the order of
    `group_hash`. A group goes to the split where it lowers the sum of (count - target)^2 / target
    over its classes most; for groups of one image this is the Sainte-Laguë method of apportionment.
    Once a class has no more groups left than splits without it, those splits get them.

    Written by hand because scikit-learn's group splitters support neither several labels per image
    nor a guarantee of every class in every split, and their shuffles depend on NumPy's generators.
    This order is a hash, so a split is the same on every machine and with every version.

    Args:
        labels: the labels of each image, indices into `classes`.
        groups: the group of each image; a group is never divided, not even across classes.
        fractions: split -> fraction of the images of every class, above 0.
        seed: seed of the order of groups of equal size.
        classes: class names.

    Raises:
        UserError: classes have too few images or groups to be in every split; names all of them.
    """
    members, bounds = _sort_groups(groups, seed)
    groups_left: Counter[int] = Counter()
    for start, stop in bounds:
        groups_left.update({label for index in members[start:stop] for label in labels[index]})
    totals = Counter(label for image_labels in labels for label in image_labels)
    _check_enough(classes, groups_left, totals, fractions)
    targets = {
        split: {label: max(fraction * n, 1.0) for label, n in totals.items()}
        for split, fraction in fractions.items()
    }
    counts: dict[str, Counter[int]] = {split: Counter() for split in fractions}
    assigned = {split: array("q") for split in fractions}
    for start, stop in bounds:
        content = Counter(label for index in members[start:stop] for label in labels[index])
        split = min(
            _candidates(content, counts, groups_left),
            key=lambda split: _cost(content, counts[split], targets[split]),
        )
        counts[split].update(content)
        groups_left.subtract(content.keys())
        assigned[split].extend(members[start:stop])
    for split, split_counts in counts.items():
        _check_enough(classes, split_counts, totals, [split])
    return {split: sorted(indices) for split, indices in assigned.items()}


def _sort_groups(groups: Iterable[str], seed: int) -> tuple["array[int]", np.ndarray]:
    """Images by group, the largest group first, groups of equal size by `group_hash`.

    Returns:
        Indices of the images, and where each group starts and stops in them: int [g 2].
    """
    hashes = b"".join(group_hash(seed, group) for group in groups)
    words = np.frombuffer(hashes, ">u8").reshape(-1, 4)
    order = np.lexsort(words.T[::-1])
    starts = np.flatnonzero((words[order[1:]] != words[order[:-1]]).any(axis=1)) + 1
    starts = np.concatenate([np.zeros(min(len(order), 1), np.int64), starts])
    stops = np.append(starts[1:], len(order))[: len(starts)]
    by_size = np.argsort(starts - stops, kind="stable")
    return array("q", order.astype(np.int64).tobytes()), np.stack([starts, stops], 1)[by_size]


def group_hash(seed: int, group: str) -> bytes:
    """Sort key that shuffles groups by seed, the same on every machine."""
    return hashlib.sha256(f"{seed}:{group}".encode("utf-8", "backslashreplace")).digest()


def _candidates(
    content: Counter[int], counts: Mapping[str, Counter[int]], groups_left: Counter[int]
) -> list[str]:
    """Splits that may get a group: those without a class whose remaining groups are all needed."""
    candidates = list(counts)
    for label in content:
        without = [split for split in counts if not counts[split][label]]
        if groups_left[label] <= len(without):
            candidates = [split for split in candidates if split in without] or without
    return candidates


def _cost(content: Counter[int], counts: Counter[int], targets: Mapping[int, float]) -> float:
    """Change of the sum over classes of (count - target)^2 / target when a split gets a group."""
    return sum(
        n * (2 * (counts[label] - targets[label]) + n) / targets[label]
        for label, n in content.items()
    )


def _check_enough(
    classes: Sequence[str],
    groups_per_class: Counter[int],
    images_per_class: Counter[int],
    splits: Collection[str],
) -> None:
    """Raises UserError for the classes that have fewer groups than there are splits."""
    few = [label for label in range(len(classes)) if groups_per_class[label] < len(splits)]
    if not few:
        return
    named: dict[str, list[str]] = {}  # by their counts, so that all have a place in the line
    for label in few[:MAX_LISTED]:
        counts = (
            f"{count_noun(images_per_class[label], 'image')} in "
            f"{count_noun(groups_per_class[label], 'group')}"
        )
        named.setdefault(counts, []).append(repr(classes[label]))
    listed = [f"{', '.join(names)}: {counts}" for counts, names in named.items()]
    listed += [f"and {len(few) - MAX_LISTED:,} more"] * (len(few) > MAX_LISTED)
    subject_splits = ("split " if len(splits) == 1 else "splits ") + ", ".join(splits)
    subject, them = ("class", "it") if len(few) == 1 else (f"{len(few):,} classes", "them")
    raise UserError(
        f"{subject} {'; '.join(listed)}; too few for the {subject_splits}. Add images, "
        f"remove {them}, or drop a split: --config.data.valid_fraction=0 or "
        "--config.data.test_fraction=0."
    )
