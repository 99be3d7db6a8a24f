import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.splits.kfold import assign_folds, labels_to_classes, take_fold
from gv_jax.errors import UserError


def single_groups(n):
    return [f"file {index}" for index in range(n)]


def test_class_counts_equal_those_of_scikit_learn():
    labels = np.repeat([0, 1, 2], [20, 11, 9])
    folds = assign_folds(labels_to_classes(labels), single_groups(40), 5, seed=3)
    splits = StratifiedKFold(5).split(labels, labels)
    expected = np.array([np.bincount(labels[held], minlength=3) for _, held in splits])
    counts = np.array([np.bincount(labels[folds == fold], minlength=3) for fold in range(5)])
    for label in range(3):
        assert sorted(counts[:, label]) == sorted(expected[:, label])
    assert sorted(counts.sum(1)) == [8] * 5


def test_groups_stay_together_and_the_seed_determines_the_folds():
    labels = labels_to_classes(np.arange(60) % 3)
    groups = [f"group {index // 6}" for index in range(60)]
    folds = assign_folds(labels, groups, 4, seed=0)
    assert all(len(set(folds[start : start + 6])) == 1 for start in range(0, 60, 6))
    assert sorted(np.bincount(folds).tolist()) == [12, 12, 18, 18]
    np.testing.assert_array_equal(folds, assign_folds(labels, groups, 4, seed=0))
    assert (folds != assign_folds(labels, groups, 4, seed=1)).any()


def test_multi_label_images_are_stratified_by_every_label():
    labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0]] * 6, np.float32)
    folds = assign_folds(labels_to_classes(labels), single_groups(24), 3, seed=0)
    for fold in range(3):
        assert labels[folds == fold].sum(0) == pytest.approx([4, 4], abs=1)


def make_dataset():
    labels = np.tile(np.arange(2, dtype=np.int32), 10)
    images = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    held_out = Split(images[:4] + 100, labels[:4], ("v0", "v1", "v2", "v3"))
    train = Split(images, labels, tuple(f"t{index}" for index in range(20)))
    splits = {"train": train, "valid": held_out, "test": held_out}
    return Dataset("set", ("a", "b"), {}, splits, ())


def test_folds_partition_the_training_split_without_held_out_images():
    train_ids = make_dataset().splits["train"].ids
    seen = []
    for fold in range(4):
        splits = take_fold(make_dataset(), str, 4, fold, 0).splits
        assert set(splits) == {"train", "valid"}
        valid = splits["valid"]
        assert [f"t{index}" for index in valid.images.ravel()] == list(valid.ids)
        assert sorted([*splits["train"].ids, *valid.ids]) == sorted(train_ids)
        seen += valid.ids
    assert sorted(seen) == sorted(train_ids)


@pytest.mark.parametrize(("folds", "fold"), [(1, 0), (4, 4), (4, -1), (21, 0)])
def test_invalid_folds(folds, fold):
    with pytest.raises(UserError, match=f"config.data.folds={folds}"):
        take_fold(make_dataset(), str, folds, fold, 0)
