"""The record of a data set: differences by kind, and the recorded splits whatever changed."""

import dataclasses
import json

import numpy as np
import pytest

from gv_jax.data.arrays import Dataset, Split
from gv_jax.data.record import (
    Changes,
    describe_changes,
    find_changes,
    make_record,
    record_from_json,
    record_to_json,
    restore_recorded,
)
from gv_jax.errors import UserError

CLASSES = ("cat", "dog")


def make_dataset(splits, classes=CLASSES, edited=(), multi_hot=False):
    """A data set of images named class/number; an image's pixels are its number.

    Args:
        splits: split -> ids.
        classes: in the order of the labels.
        edited: ids of images with another content.
        multi_hot: whether labels are multi-hot.
    """
    arrays = {}
    for name, ids in splits.items():
        labels = np.array([classes.index(image_id.partition("/")[0]) for image_id in ids], np.int32)
        numbers = np.array([int(image_id.partition("/")[2]) for image_id in ids], np.uint8)
        arrays[name] = Split(
            numbers[:, None, None, None],
            np.eye(len(classes), dtype=np.float32)[labels] if multi_hot else labels,
            tuple(ids),
            tuple(f"{image_id}{'*' if image_id in edited else ''}" for image_id in ids),
        )
    return Dataset("image_folder", tuple(classes), {}, arrays, ())


TRAIN, TEST = ("cat/1", "dog/2", "cat/3"), ("dog/4", "cat/5")
BASE = {"train": TRAIN, "test": TEST}


@pytest.mark.parametrize("multi_hot", [False, True])
def test_json_keeps_a_record(multi_hot):
    record = make_record(make_dataset(BASE, multi_hot=multi_hot), {"task": "classification"})
    assert record_from_json(json.loads(json.dumps(record_to_json(record)))) == record


def test_nothing_changed_and_another_split_is_no_change():
    record = make_record(make_dataset(BASE), {})
    moved = make_dataset({"train": (*TEST, "cat/1"), "test": ("dog/2", "cat/3")})
    for dataset in (make_dataset(BASE), moved):
        assert not any(find_changes(record, dataset))
        restored = restore_recorded(record, dataset, training=True)
        assert restored.splits["train"].ids == TRAIN
        np.testing.assert_array_equal(restored.splits["train"].images.ravel(), [1, 2, 3])
        np.testing.assert_array_equal(restored.splits["test"].images.ravel(), [4, 5])
        np.testing.assert_array_equal(restored.splits["test"].labels, [1, 0])


def test_an_unchanged_split_is_not_copied():
    dataset = make_dataset(BASE)
    restored = restore_recorded(make_record(dataset, {}), dataset, training=True)
    assert restored.splits["train"].images is dataset.splits["train"].images


@pytest.mark.parametrize("multi_hot", [False, True])
def test_classes_go_by_name(multi_hot):
    """A class that sorts first is added: the labels of the others move, those of the run do not."""
    record = make_record(make_dataset(BASE, multi_hot=multi_hot), {})
    new = make_dataset(
        {"train": (*TRAIN, "ant/9"), "test": TEST}, ("ant", *CLASSES), multi_hot=multi_hot
    )
    changes = find_changes(record, new)
    assert changes == Changes(added=("ant/9",), new_classes=("ant",))
    restored = restore_recorded(record, new, training=True)
    assert restored.classes == CLASSES
    expected = make_dataset(BASE, multi_hot=multi_hot)
    for name in BASE:
        np.testing.assert_array_equal(restored.splits[name].labels, expected.splits[name].labels)


@pytest.mark.parametrize(
    ("splits", "edited", "expected"),
    [
        ({"train": (*TRAIN, "dog/6"), "test": TEST}, (), {"added": ("dog/6",)}),
        ({"train": TRAIN, "test": TEST[:1]}, (), {"removed": ("cat/5",)}),
        (BASE, ("cat/5",), {"modified": ("cat/5",)}),
    ],
)
def test_changes_of_held_out_images(splits, edited, expected):
    record = make_record(make_dataset(BASE), {})
    dataset = make_dataset(splits, edited=edited)
    assert find_changes(record, dataset) == Changes(**expected)
    restored = restore_recorded(record, dataset, training=True)
    assert restored.splits["train"].ids == TRAIN
    lost = {*expected.get("removed", ()), *expected.get("modified", ())}
    assert restored.splits["test"].ids == tuple(name for name in TEST if name not in lost)


@pytest.mark.parametrize("edited", [(), ("cat/3",)])
def test_training_needs_every_training_image(edited):
    record = make_record(make_dataset(BASE), {})
    train = TRAIN if edited else TRAIN[:2]
    dataset = make_dataset({"train": train, "test": TEST}, edited=edited)
    with pytest.raises(UserError, match=r"1 of the 3 .*'train'"):
        restore_recorded(record, dataset, training=True)
    restored = restore_recorded(record, dataset, training=False)
    assert restored.splits["train"].ids == TRAIN[:2]


def test_a_split_without_images_is_an_error():
    record = make_record(make_dataset(BASE), {})
    with pytest.raises(UserError, match=r"2 of the 2 .*'test'"):
        restore_recorded(record, make_dataset({"train": TRAIN}), training=False)


def test_an_image_that_was_in_training_never_counts_as_test():
    record = make_record(make_dataset(BASE), {})
    redrawn = make_dataset({"train": TEST, "test": (*TRAIN, "cat/7")})
    restored = restore_recorded(record, redrawn, training=True)
    assert set(restored.splits["test"].ids).isdisjoint(TRAIN)


def test_a_renamed_class_is_named():
    dataset = make_dataset(BASE)
    record = make_record(dataset, {})
    renamed = dataclasses.replace(
        dataset,
        classes=("cat", "wolf"),
        splits={
            name: dataclasses.replace(
                split, ids=tuple(image_id.replace("dog", "wolf") for image_id in split.ids)
            )
            for name, split in dataset.splits.items()
        },
    )
    changes = find_changes(record, renamed)
    assert changes.renamed_classes == (("dog", "wolf"),)
    assert not changes.new_classes + changes.missing_classes
    text = describe_changes(changes)
    assert "'dog'" in text
    assert "'wolf'" in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (Changes(added=("a",)), "1 image added (a)"),
        (Changes(removed=("a", "b")), "2 images removed (a, b)"),
        (Changes(modified=tuple("abcd")), "4 images modified (a, b, c, …)"),
        (Changes(new_classes=("x",), missing_classes=("y", "z")), "new class 'x', missing classes"),
    ],
)
def test_changes_are_described_with_numbers(changes, expected):
    assert expected in describe_changes(changes)


def test_a_large_record_is_small_on_disk():
    ids = tuple(f"character_{n % 30:02d}/image_{n:06d}.png" for n in range(100_000))
    labels = np.arange(100_000, dtype=np.int32) % 30
    images = np.zeros((100_000, 1, 1, 1), np.uint8)
    split = Split(images, labels, ids, tuple(f"{n:016x}" for n in range(100_000)))
    classes = tuple(f"character_{n:02d}" for n in range(30))
    dataset = Dataset("image_folder", classes, {}, {"train": split}, ())
    text = json.dumps(record_to_json(make_record(dataset, {})), separators=(",", ":"))
    assert len(text) < 10_000_000
