"""A fraction of the training split, drawn by whole groups; small fractions lie in larger ones."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.data.splits.kfold import labels_to_classes, select
from gv_jax.data.splits.stratified import group_hash
from gv_jax.errors import UserError


def take_fraction(
    dataset: Dataset, group_of: Callable[[str], str], fraction: float, seed: int
) -> Dataset:
    """`dataset` with a fraction of its training split; the other splits are unchanged.

    Args:
        dataset: Data set with the split "train".
        group_of: Image id -> group; a group is not divided.
        fraction: Of the images of every class, above 0 and at most 1.
        seed: Of the order in which groups are taken.

    Raises:
        UserError: Every class is one group.
    """
    train = dataset.splits["train"]
    groups = [group_of(image_id) for image_id in train.ids]
    chosen = choose_images(labels_to_classes(train.labels), groups, fraction, seed)
    if fraction < 1 and len(set(groups)) <= len(dataset.classes) and chosen.all():
        raise UserError(
            f"--config.data.train_fraction={fraction}: every class of the training split is one "
            "group of images, which is not divided. Use 1."
        )
    return replace(dataset, splits={**dataset.splits, "train": select(train, chosen)})


def choose_images(
    classes: Sequence[Sequence[int]], groups: Sequence[str], fraction: float, seed: int
) -> np.ndarray:
    """Which images make up a fraction: bool [n].

    Groups are in the order of `group_hash`. Of every class, groups are chosen from the first one on
    as long as more than half of the next one is within the fraction, but at least one. Whether a
    group is chosen depends on the groups before it only, so a larger fraction keeps it.

    Args:
        classes: The classes of each image.
        groups: The group of each image; a group of several classes is chosen if one of them does.
        fraction: Of the images of every class.
        seed: Of the order.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    totals = Counter(label for labels in classes for label in labels)
    before: Counter[int] = Counter()
    chosen = np.zeros(len(groups), bool)
    for group in sorted(members, key=lambda group: group_hash(seed, group)):
        content = Counter(label for index in members[group] for label in classes[index])
        chosen[members[group]] = any(
            not before[label] or before[label] + count / 2 <= fraction * totals[label]
            for label, count in content.items()
        )
        before.update(content)
    return chosen
