import random
from collections import Counter

import pytest

from gv_jax.data.splits.stratified import assign_multilabel, assign_single_label, split_fractions
from gv_jax.errors import UserError

FRACTIONS = {"train": 0.8, "valid": 0.1, "test": 0.1}


def single_groups(n):
    return [f"file {index}" for index in range(n)]


def class_counts(parts, labels):
    return {
        split: dict(Counter(labels[index] for index in indices)) for split, indices in parts.items()
    }


def test_a_fraction_of_zero_makes_no_split():
    assert split_fractions(0.25, 0) == {"train": 0.75, "valid": 0.25}
    assert list(split_fractions(0.1, 0.2)) == ["train", "valid", "test"]


@pytest.mark.parametrize(
    ("n", "fractions", "expected"),
    [
        (10, {"train": 0.6, "valid": 0.2, "test": 0.2}, (6, 2, 2)),
        (100, FRACTIONS, (80, 10, 10)),
        (20, {"train": 0.85, "valid": 0.1, "test": 0.05}, (17, 2, 1)),
        (3, FRACTIONS, (1, 1, 1)),  # none may be empty
        (4, FRACTIONS, (2, 1, 1)),
    ],
)
def test_each_class_is_apportioned_by_the_fractions(n, fractions, expected):
    labels = [0] * n + [1] * n
    parts = assign_single_label(labels, single_groups(2 * n), fractions, 0, ("a", "b"))
    assert class_counts(parts, labels) == {
        split: {0: count, 1: count} for split, count in zip(fractions, expected, strict=True)
    }
    assert sorted(index for indices in parts.values() for index in indices) == list(range(2 * n))
    assert all(indices == sorted(indices) for indices in parts.values())


def test_the_seed_determines_the_split():
    labels, groups = [0, 1] * 50, single_groups(100)
    first, again, other = (
        assign_single_label(labels, groups, FRACTIONS, seed, ("a", "b")) for seed in (0, 0, 1)
    )
    assert first == again != other


def test_groups_are_not_divided():
    groups = ["x"] * 6 + ["y"] * 2 + ["z"] * 2
    fractions = {"train": 0.6, "valid": 0.2, "test": 0.2}
    parts = assign_single_label([0] * 10, groups, fractions, 0, ("a",))
    assert parts["train"] == [0, 1, 2, 3, 4, 5]
    assert {tuple(parts["valid"]), tuple(parts["test"])} == {(6, 7), (8, 9)}


def test_a_group_across_classes_is_not_divided():
    labels = [0, 1] * 6
    groups = [f"photo {index // 2}" for index in range(12)]
    parts = assign_single_label(labels, groups, {"train": 0.5, "test": 0.5}, 3, ("a", "b"))
    assert class_counts(parts, labels) == {"train": {0: 3, 1: 3}, "test": {0: 3, 1: 3}}
    for indices in parts.values():
        members = [index for index in indices if groups[index] == groups[indices[0]]]
        assert sorted(labels[index] for index in members) == [0, 1]


def test_every_label_of_an_image_counts():
    labels = [(0,), (0, 1), (1, 2), (2,)] * 25
    parts = assign_multilabel(labels, single_groups(100), FRACTIONS, 0, ("a", "b", "c"))
    for split, fraction in FRACTIONS.items():
        counts = Counter(label for index in parts[split] for label in labels[index])
        assert counts == pytest.approx(dict.fromkeys(range(3), 50 * fraction), abs=1)


def test_a_large_group_leaves_images_for_every_split():
    groups = ["big"] * 10 + ["one", "two"]
    parts = assign_single_label([0] * 12, groups, FRACTIONS, 0, ("a",))
    assert [len(parts[split]) for split in FRACTIONS] == [10, 1, 1]


@pytest.mark.parametrize("seed", range(20))
def test_random_groups_are_partitioned_by_the_fractions(seed):
    rng = random.Random(seed)
    labels, groups = [], []
    for label in range(5):
        for group in range(rng.randint(30, 60)):
            size = rng.choice([1, 1, 1, 2, 3, 8])
            labels += [label] * size
            groups += [f"{label}-{group}"] * size
    parts = assign_single_label(labels, groups, FRACTIONS, seed, tuple("abcde"))
    split_groups = {split: {groups[index] for index in indices} for split, indices in parts.items()}
    assert sum(map(len, split_groups.values())) == len(set(groups))
    assert sum(map(len, parts.values())) == len(labels)
    totals = Counter(labels)
    for split, counts in class_counts(parts, labels).items():
        for label, count in counts.items():
            assert abs(count - FRACTIONS[split] * totals[label]) <= 2


@pytest.mark.parametrize(
    ("labels", "groups", "count"),
    [
        ([0] * 9 + [1] * 2, single_groups(11), 2),
        ([0] * 9 + [1] * 9, [*single_groups(9), *["x"] * 5, *["y"] * 4], 9),
        ([0] * 9, single_groups(9), 0),
    ],
)
def test_too_few_images_or_groups(labels, groups, count):
    with pytest.raises(UserError, match=rf"'b': {count} images .*config.data.valid_fraction=0"):
        assign_single_label(labels, groups, FRACTIONS, 0, ("a", "b"))


@pytest.mark.parametrize(("count", "named"), [(40, 40), (130, 100)])
def test_all_classes_that_are_too_small_are_named_at_once(count, named):
    classes = ("large", *(f"c{number}" for number in range(count)))
    labels = [0] * 9 + [label for label in range(1, count + 1) for _ in range(1 + label % 2)]
    with pytest.raises(UserError) as caught:
        assign_single_label(labels, single_groups(len(labels)), FRACTIONS, 0, classes)
    line = str(caught.value)
    assert [name for name in classes if repr(name) in line] == [f"c{n}" for n in range(named)]
    assert f"{count} classes" in line
    assert ("30 more" in line) == (named < count)
    two, one = line.partition("2 images in 2 groups")[::2]
    assert "'c0'" in two
    assert "'c1'" in one.partition("1 image in 1 group")[0]
