"""Cross-validation inside the training split, so that choices use neither valid nor test."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.rows import select_images
from gv_jax.data.splits.stratified import group_hash
from gv_jax.data.string_array import StringArray
from gv_jax.errors import UserError


def take_fold(
    dataset: Dataset, group_of: Callable[[str], str], folds: int, fold: int, seed: int
) -> Dataset:
    """`dataset` with one fold of its training split as "valid" and the other folds as "train".

    The previous valid and test splits are removed. Images are copied into memory if they are few.

    Args:
        dataset: data set with the split "train".
        group_of: image id -> group; a group is in one fold.
        folds: number of disjoint folds that make up the training split.
        fold: index of the fold for "valid", from 0.
        seed: seed of the assignment, which is stratified by class.

    Raises:
        UserError: fewer than two folds, no fold of this index, or more folds than groups.
    """
    check_folds(folds, fold)
    train = dataset.splits["train"]
    groups = [group_of(image_id) for image_id in train.ids]
    fold_indices = assign_folds(labels_to_classes(train.labels), groups, folds, seed)
    return replace(
        dataset,
        splits={
            "train": select(train, fold_indices != fold),
            "valid": select(train, fold_indices == fold),
        },
    )


def check_folds(folds: int, fold: int) -> None:
    """Raises UserError for fewer than two folds, or for an index that is not one of them."""
    if folds < 2 or not 0 <= fold < folds:
        raise UserError(
            f"--config.data.folds={folds} must be at least 2, and --config.data.fold={fold} must "
            f"be one of them, from 0 to {max(folds, 2) - 1}."
        )


def assign_folds(
    classes: Sequence[Sequence[int]], groups: Sequence[str], folds: int, seed: int
) -> np.ndarray:
    """The fold of every image: int [n].

    Groups are assigned greedily, the largest first, groups of equal size in the order of
    `group_hash`. A group goes to the fold with the fewest images of its classes; ties go to the
    smallest fold. A class with fewer groups than folds is missing in some folds.

    Written by hand because scikit-learn's StratifiedGroupKFold supports one label per image only,
    and its shuffle depends on NumPy's generators.

    Args:
        classes: the classes of each image.
        groups: the group of each image; a group is never divided.
        folds: number of folds.
        seed: seed of the order of groups of equal size.

    Raises:
        UserError: more folds than groups.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    if len(members) < folds:
        raise UserError(
            f"--config.data.folds={folds}: the training split has only {len(members)} groups of "
            "images. Use fewer folds."
        )
    class_counts: list[Counter[int]] = [Counter() for _ in range(folds)]
    sizes = [0] * folds
    fold_indices = np.zeros(len(groups), int)
    for group in sorted(members, key=lambda group: (-len(members[group]), group_hash(seed, group))):
        content = Counter(label for index in members[group] for label in classes[index])

        def crowding(fold: int, content: Counter[int] = content) -> tuple[int, int]:
            overlap = sum(n * class_counts[fold][label] for label, n in content.items())
            return overlap, sizes[fold]

        fold = min(range(folds), key=crowding)
        class_counts[fold].update(content)
        sizes[fold] += len(members[group])
        fold_indices[members[group]] = fold
    return fold_indices


def labels_to_classes(labels: np.ndarray) -> list[list[int]]:
    """The classes of every image, from labels [n] or multi-hot labels [n k]."""
    if labels.ndim == 1:
        return [[int(label)] for label in labels]
    return [np.flatnonzero(row).tolist() for row in labels]


def select(split: Split, mask: np.ndarray) -> Split:
    """The images of `split` where `mask`, bool [n], is true."""
    indices = np.flatnonzero(mask)
    return Split(
        select_images(split.images, indices),
        split.labels[indices],
        StringArray.from_strings(split.ids[index] for index in indices.tolist()),
        StringArray.from_strings(split.hashes[index] for index in indices.tolist())
        if split.hashes
        else (),
    )
