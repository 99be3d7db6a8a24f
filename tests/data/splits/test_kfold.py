import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from gv_jax.data.dataset import Dataset, Split
from gv_jax.data.splits.kfold import assign_folds, labels_to_classes, take_fold
from gv_jax.errors import UserError


def alone(n):
    return [f"file {place}" for place in range(n)]


def test_every_fold_has_as_many_of_each_class_as_scikit_learns():
    labels = np.repeat([0, 1, 2], [20, 11, 9])
    ours = assign_folds(labels_to_classes(labels), alone(40), 5, seed=3)
    parts = StratifiedKFold(5).split(labels, labels)
    theirs = np.array([np.bincount(labels[held], minlength=3) for _, held in parts])
    mine = np.array([np.bincount(labels[ours == fold], minlength=3) for fold in range(5)])
    for label in range(3):
        assert sorted(mine[:, label]) == sorted(theirs[:, label])
    assert sorted(mine.sum(1)) == [8] * 5


def test_groups_stay_together_and_a_seed_gives_one_division():
    labels = np.arange(60) % 3
    groups = [f"group {place // 6}" for place in range(60)]
    found = assign_folds(labels_to_classes(labels), groups, 4, seed=0)
    assert all(len(set(found[place : place + 6])) == 1 for place in range(0, 60, 6))
    assert sorted(np.bincount(found).tolist()) == [12, 12, 18, 18]
    np.testing.assert_array_equal(found, assign_folds(labels_to_classes(labels), groups, 4, seed=0))
    assert (found != assign_folds(labels_to_classes(labels), groups, 4, seed=1)).any()


def test_pictures_of_several_classes_are_spread_by_all_of_them():
    labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0]] * 6, np.float32)
    found = assign_folds(labels_to_classes(labels), alone(24), 3, seed=0)
    for fold in range(3):
        assert labels[found == fold].sum(0) == pytest.approx([4, 4], abs=1)


def dataset():
    labels = np.tile(np.arange(2, dtype=np.int32), 10)
    images = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    held = Split(images[:4] + 100, labels[:4], ("v0", "v1", "v2", "v3"))
    train = Split(images, labels, tuple(f"t{place}" for place in range(20)))
    return Dataset("set", ("a", "b"), {}, {"train": train, "valid": held, "test": held}, ())


def test_folds_make_up_the_training_split_and_leave_what_is_held_out_alone():
    seen = []
    for fold in range(4):
        parts = take_fold(dataset(), lambda name: name, 4, fold, 0).splits
        assert set(parts) == {"train", "valid"}
        assert [f"t{place}" for place in parts["valid"].images.ravel()] == list(parts["valid"].ids)
        assert sorted([*parts["train"].ids, *parts["valid"].ids]) == sorted(
            dataset().splits["train"].ids
        )
        seen += parts["valid"].ids
    assert sorted(seen) == sorted(dataset().splits["train"].ids)


@pytest.mark.parametrize(("folds", "fold"), [(1, 0), (4, 4), (4, -1), (21, 0)])
def test_mistakes(folds, fold):
    with pytest.raises(UserError, match="folds"):
        take_fold(dataset(), lambda name: name, folds, fold, 0)
