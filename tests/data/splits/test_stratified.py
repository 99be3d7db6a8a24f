import random
from collections import Counter

import pytest

from gv_jax.data.splits.stratified import assign_single_label, split_fractions
from gv_jax.errors import UserError

THREE = {"train": 0.8, "valid": 0.1, "test": 0.1}


def alone(n):
    return [f"file {index}" for index in range(n)]


def counts(parts, labels):
    return {
        split: dict(Counter(labels[index] for index in indices)) for split, indices in parts.items()
    }


def test_shares_leave_out_what_is_zero():
    assert split_fractions(0.25, 0) == {"train": 0.75, "valid": 0.25}
    assert list(split_fractions(0.1, 0.2)) == ["train", "valid", "test"]


@pytest.mark.parametrize(
    ("n", "share", "expected"),
    [
        (10, {"train": 0.6, "valid": 0.2, "test": 0.2}, (6, 2, 2)),
        (100, THREE, (80, 10, 10)),
        (20, {"train": 0.85, "valid": 0.1, "test": 0.05}, (17, 2, 1)),
        (3, THREE, (1, 1, 1)),  # none may be empty
        (4, THREE, (2, 1, 1)),
    ],
)
def test_each_class_is_apportioned_to_its_shares(n, share, expected):
    labels = [0] * n + [1] * n
    parts = assign_single_label(labels, alone(2 * n), share, 0, ("a", "b"))
    assert counts(parts, labels) == {
        split: {0: k, 1: k} for split, k in zip(share, expected, strict=True)
    }
    assert sorted(index for indices in parts.values() for index in indices) == list(range(2 * n))
    assert all(indices == sorted(indices) for indices in parts.values())


def test_seed_decides():
    labels = [0, 1] * 50
    draw = [assign_single_label(labels, alone(100), THREE, seed, ("a", "b")) for seed in (0, 0, 1)]
    assert draw[0] == draw[1] != draw[2]


def test_groups_are_not_divided():
    groups = ["x"] * 6 + ["y"] * 2 + ["z"] * 2
    parts = assign_single_label(
        [0] * 10, groups, {"train": 0.6, "valid": 0.2, "test": 0.2}, 0, ("a",)
    )
    assert parts["train"] == [0, 1, 2, 3, 4, 5]
    assert {tuple(parts["valid"]), tuple(parts["test"])} == {(6, 7), (8, 9)}


def test_a_group_across_classes_stays_together():
    labels = [0, 1] * 6
    groups = [f"photo {index // 2}" for index in range(12)]
    parts = assign_single_label(labels, groups, {"train": 0.5, "test": 0.5}, 3, ("a", "b"))
    assert counts(parts, labels) == {"train": {0: 3, 1: 3}, "test": {0: 3, 1: 3}}
    for indices in parts.values():
        assert sorted(
            labels[index] for index in indices if groups[index] == groups[indices[0]]
        ) == [0, 1]


def test_large_groups_still_leave_something_for_every_split():
    groups = ["big"] * 10 + ["one", "two"]
    parts = assign_single_label([0] * 12, groups, THREE, 0, ("a",))
    assert {split: len(indices) for split, indices in parts.items()} == {
        "train": 10,
        "valid": 1,
        "test": 1,
    }


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_groups_nothing_is_lost_or_divided_and_shares_hold(seed):
    draw = random.Random(seed)
    labels, groups = [], []
    for label in range(5):
        for group in range(draw.randint(30, 60)):
            size = draw.choice([1, 1, 1, 2, 3, 8])
            labels += [label] * size
            groups += [f"{label}-{group}"] * size
    parts = assign_single_label(labels, groups, THREE, seed, tuple("abcde"))
    sides = {split: {groups[index] for index in indices} for split, indices in parts.items()}
    assert sum(map(len, sides.values())) == len(set(groups))
    assert sum(map(len, parts.values())) == len(labels)
    total = Counter(labels)
    for split, classes in counts(parts, labels).items():
        for label, n in classes.items():
            assert abs(n - THREE[split] * total[label]) <= 2


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        ([0] * 9 + [1] * 2, alone(11)),
        ([0] * 9 + [1] * 9, [*alone(9), *["x"] * 5, *["y"] * 4]),
        ([0] * 9, alone(9)),
    ],
)
def test_too_few_pictures_or_groups(labels, groups):
    with pytest.raises(UserError, match=r"class 'b': \d pictures are too few, .*valid_fraction=0"):
        assign_single_label(labels, groups, THREE, 0, ("a", "b"))
