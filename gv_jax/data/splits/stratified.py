"""Which pictures are held out: a split stratified by class that divides no group and is fixed by its seed."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from gv_jax.errors import UserError


def split_fractions(valid_fraction: float, test_fraction: float) -> dict[str, float]:
    """Split -> its share of the pictures, in the order train, valid, test; a share of 0 makes no split."""
    every = {
        "train": 1 - valid_fraction - test_fraction,
        "valid": valid_fraction,
        "test": test_fraction,
    }
    return {split: share for split, share in every.items() if share}


def assign_single_label(
    labels: Sequence[int],
    groups: Sequence[str],
    share: Mapping[str, float],
    seed: int,
    classes: Sequence[str],
) -> dict[str, list[int]]:
    """Split -> indices of its pictures, ascending; every class is in every split. As `assign_several`, with one label
    for each picture.
    """
    return assign_multilabel([(label,) for label in labels], groups, share, seed, classes)


def assign_multilabel(
    labels: Sequence[Sequence[int]],
    groups: Sequence[str],
    share: Mapping[str, float],
    seed: int,
    classes: Sequence[str],
) -> dict[str, list[int]]:
    """Split -> indices of its pictures, ascending; every class is in every split.

    The largest groups come first, equal ones in an order drawn from the seed. Each goes where it lowers the
    sum of (have - want)^2 / want over its classes most; for single pictures that is Sainte-Lague's rule of
    apportionment. Once a class has no more groups left than splits without it, those splits take them. The
    draw is a hash of seed and group: the same on every machine and with every version of NumPy.

    Args:
        labels: of each picture one or several, indices into `classes`.
        groups: of each picture; the pictures of one group stay together, also across classes.
        share: split -> share of the pictures of every class, each above 0.

    Raises:
        UserError: a class has too few pictures or groups to be in every split.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    contents = {
        group: Counter(label for index in indices for label in labels[index])
        for group, indices in members.items()
    }
    left = Counter(label for content in contents.values() for label in content)
    total = Counter(label for mine in labels for label in mine)
    _check_enough(classes, left, total, share)
    want = {
        split: {label: max(part * n, 1.0) for label, n in total.items()}
        for split, part in share.items()
    }
    have: dict[str, Counter[int]] = {split: Counter() for split in share}
    chosen: dict[str, list[int]] = {split: [] for split in share}
    for group in sorted(members, key=lambda group: (-len(members[group]), group_hash(seed, group))):
        content = contents[group]
        split = min(
            _candidates(content, have, left),
            key=lambda name: _cost(content, have[name], want[name]),
        )
        have[split].update(content)
        left.subtract(content.keys())
        chosen[split] += members[group]
    for split, counts in have.items():
        _check_enough(classes, counts, total, [split])
    return {split: sorted(indices) for split, indices in chosen.items()}


def group_hash(seed: int, group: str) -> bytes:
    """What orders groups: drawn from the seed, the same everywhere."""
    return hashlib.sha256(f"{seed}:{group}".encode("utf-8", "backslashreplace")).digest()


def _candidates(
    content: Counter[int], have: Mapping[str, Counter[int]], left: Counter[int]
) -> list[str]:
    """The splits that may take a group: those that lack a class of which every group left is needed."""
    takers = list(have)
    for label in content:
        lacking = [split for split in have if not have[split][label]]
        if left[label] <= len(lacking):
            takers = [split for split in takers if split in lacking] or lacking
    return takers


def _cost(content: Counter[int], have: Counter[int], want: Mapping[int, float]) -> float:
    """Of the sum over classes of (have - want)^2 / want, when the split takes the group."""
    return sum(
        n * (2 * (have[label] - want[label]) + n) / want[label] for label, n in content.items()
    )


def _check_enough(
    classes: Sequence[str], groups: Counter[int], pictures: Counter[int], splits
) -> None:
    for label, name in enumerate(classes):
        if groups[label] < len(splits):
            raise UserError(
                f"class {name!r}: {pictures[label]} pictures are too few, or too many of them belong "
                f"together, to be in {', '.join(splits)} alike. Add some, take the class out, or do without "
                "a split: --config.data.valid_fraction=0 or --config.data.test_fraction=0."
            )
