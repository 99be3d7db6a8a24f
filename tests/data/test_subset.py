"""A fraction of the training split: whole groups, every class, nested."""

from collections import Counter

import numpy as np
import pytest

from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.subset import choose_images, take_fraction
from gv_jax.errors import UserError

FRACTIONS = (0.01, 0.1, 0.3, 0.5, 0.9, 1.0)


def make_classes(rng, num_groups=300, num_classes=5):
    """Classes and groups of images; groups have 1 to 6 images of one class."""
    labels, groups = [], []
    for group in range(num_groups):
        count = int(rng.integers(1, 7))
        labels += [(int(rng.integers(num_classes)),)] * count
        groups += [f"stem{group}"] * count
    return labels, groups


@pytest.mark.parametrize("seed", range(3))
def test_fractions_are_nested_stratified_and_of_whole_groups(seed):
    labels, groups = make_classes(np.random.default_rng(seed))
    totals = Counter(label for (label,) in labels)
    smaller = np.zeros(len(groups), bool)
    for fraction in FRACTIONS:
        chosen = choose_images(labels, groups, fraction, seed)
        assert (chosen >= smaller).all()
        smaller = chosen
        assert all(
            len({bool(c) for c, g in zip(chosen, groups, strict=True) if g == group}) == 1
            for group in set(groups)
        )
        counts = Counter(label for (label,), c in zip(labels, chosen, strict=True) if c)
        for label, total in totals.items():  # half of the largest group off, but never empty
            assert max(1, fraction * total - 3) <= counts[label] <= max(6, fraction * total + 3)
    assert smaller.all()


def test_the_seed_determines_the_choice():
    labels, groups = make_classes(np.random.default_rng(0))
    first, again, other = (choose_images(labels, groups, 0.3, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_images_of_several_classes():
    labels, groups = [(0, 1)] * 4 + [(1, 2)] * 4 + [(2,)] * 4, [f"{index}" for index in range(12)]
    chosen = choose_images(labels, groups, 0.01, 0)
    kept = {label for row, c in zip(labels, chosen, strict=True) if c for label in row}
    assert kept == {0, 1, 2}
    assert chosen.sum() <= 3


def make_dataset(count):
    labels = (np.arange(count) % 2).astype(np.int32)
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    ids = tuple(f"{'ab'[label]}/{index}" for index, label in enumerate(labels))
    part = Split(images, labels, ids, ids)
    return Dataset("folder", ("a", "b"), {}, {"train": part, "valid": part, "test": part}, ())


def test_images_labels_and_ids_stay_together_and_other_splits_unchanged():
    before = make_dataset(40)
    after = take_fraction(before, str, 0.25, 0)
    train = after.splits["train"]
    assert len(train.ids) == len(train.hashes) == 10
    assert np.bincount(train.labels).tolist() == [5, 5]
    for image, label, image_id in zip(train.images, train.labels, train.ids, strict=True):
        assert image_id == f"{'ab'[label]}/{image.item()}"
    assert after.splits["valid"] is before.splits["valid"]
    assert after.splits["test"] is before.splits["test"]


def test_classes_of_one_group_cannot_be_divided():
    with pytest.raises(UserError, match=r"config\.data\.train_fraction=0\.1"):
        take_fraction(make_dataset(40), lambda image_id: image_id[0], 0.1, 0)
