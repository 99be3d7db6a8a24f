"""Cross-validation inside the training split: to choose by pictures that are neither validated nor tested on."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gv_jax.data.dataset import Dataset, Split
from gv_jax.data.splits.stratified import group_hash
from gv_jax.errors import UserError


def take_fold(
    dataset: Dataset, group: Callable[[str], str], folds: int, fold: int, seed: int
) -> Dataset:
    """`dataset` with a part of its training split as "valid", the rest as "train", and nothing else.

    What was held out before is left out: it is not looked at. The parts 0 to `folds` - 1 share no picture and make up
    the whole; they are stratified by class, and fixed by `seed`. group: id -> what the picture belongs to; pictures
    that belong together are in one part. Arrays are copied into memory.

    Raises:
        UserError: fewer than two parts, a part that there is not, or more parts than groups of pictures.
    """
    check_folds(folds, fold)
    whole = dataset.splits["train"]
    numbers = assign_folds(
        labels_to_classes(whole.labels), [group(name) for name in whole.ids], folds, seed
    )
    return replace(
        dataset,
        splits={"train": select(whole, numbers != fold), "valid": select(whole, numbers == fold)},
    )


def check_folds(folds: int, fold: int) -> None:
    """UserError for fewer than two parts, or a part that there is not."""
    if folds < 2 or not 0 <= fold < folds:
        raise UserError(
            f"--config.data.folds={folds} and --config.data.fold={fold}: take 2 folds or more, and one of them"
        )


def assign_folds(
    classes: Sequence[Sequence[int]], groups: Sequence[str], folds: int, seed: int
) -> np.ndarray:
    """The fold of every picture: int [n]. classes: those of each picture; groups: of each, which stay together.

    The largest groups come first, equal ones in an order drawn from the seed; each goes to the fold that has least of
    its classes, of those to the smallest. A class with fewer groups than folds is missing in some of them.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    if len(members) < folds:
        raise UserError(
            f"--config.data.folds={folds}: the training pictures make only {len(members)} groups that can be kept apart"
        )
    have: list[Counter[int]] = [Counter() for _ in range(folds)]
    sizes = [0] * folds
    numbers = np.zeros(len(groups), int)
    for group in sorted(members, key=lambda group: (-len(members[group]), group_hash(seed, group))):
        content = Counter(label for place in members[group] for label in classes[place])

        def crowding(fold: int, content: Counter[int] = content) -> tuple[int, int]:
            return sum(n * have[fold][label] for label, n in content.items()), sizes[fold]

        least = min(range(folds), key=crowding)
        have[least].update(content)
        sizes[least] += len(members[group])
        numbers[members[group]] = least
    return numbers


def labels_to_classes(labels: np.ndarray) -> list[list[int]]:
    """The classes of every picture: of labels [n], or of shares of yes [n k]."""
    if labels.ndim == 1:
        return [[int(label)] for label in labels]
    return [np.flatnonzero(row).tolist() for row in labels]


def select(split: Split, kept: np.ndarray) -> Split:
    """The pictures of `split` where `kept`, bool [n]."""
    places = np.flatnonzero(kept).tolist()
    return Split(
        split.images[places], split.labels[places], tuple(split.ids[place] for place in places)
    )
