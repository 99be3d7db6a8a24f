"""Names of split folders, nested folders, and top folders that are no classes."""

import pytest

from gv_jax.data.builders.folder_layout import find_split_folders
from tests.data.builders.folders import (
    class_counts,
    make_builder,
    refuse,
    split_ids,
    write_classes,
    write_image,
)


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("Training", "Test"), ("train", "test")),
        (("Training", "Testing"), ("train", "test")),
        (("TRAIN", "VAL", "TEST"), ("train", "valid", "test")),
        (("seg_train", "seg_test", "seg_pred"), ("train", "test", "unlabeled")),
        (("train", "dev"), ("train", "valid")),
        (("train", "eval"), ("train", "test")),
        (("train", "eval", "test"), ("train", "valid", "test")),
        (("training", "validation", "evaluation"), ("train", "valid", "test")),
        (("train_images", "test-images"), ("train", "test")),
        (("train images", "test"), ("train", "test")),
        (("TrainSet", "TestSet"), ("train", "test")),
        (("trainset", "testset"), ("train", "test")),
        (("images.train", "images.holdout"), ("train", "test")),
        (("train2017", "val2017"), ("train", "valid")),
        (("my cats (train)", "my cats (test)"), ("train", "test")),
        (("train", "unlabelled"), ("train", "unlabeled")),
        (("train",), ("train",)),
    ],
)
def test_names_of_splits(names, splits):
    assert find_split_folders(names) == dict(zip(names, splits, strict=True))


@pytest.mark.parametrize(
    "names",
    [
        ("train", "car"),
        ("cat", "dog"),
        ("training shoes", "test tubes"),
        ("steam train", "bus"),
        ("test", "val"),
        ("trainer", "tester"),
        ("strain", "latest"),
        ("train test", "other"),
        (),
    ],
)
def test_names_of_classes(names):
    assert find_split_folders(names) == {}


def test_nested_split_folders_are_passed_through(tmp_path):
    folder = tmp_path / "in"
    write_classes(folder / "seg_train" / "seg_train")
    write_classes(folder / "seg_test" / "images", count=2)
    builder = make_builder(folder, tmp_path)
    assert builder.classes == ("cat", "dog")
    assert class_counts(builder) == {
        "train": {"cat": 4, "dog": 4},
        "valid": {"cat": 1, "dog": 1},
        "test": {"cat": 2, "dog": 2},
    }


@pytest.mark.parametrize("names", [("fold1", "fold2"), ("A", "B", "C"), ("test", "val")])
def test_top_folders_with_the_same_subfolders_are_no_classes(tmp_path, names):
    for name in names:
        write_classes(tmp_path / "in" / name)
    write_classes(tmp_path / "in" / names[0], ("Fox",))
    line = refuse(tmp_path / "in", tmp_path, "config.data.path=")
    for name in (*names, "cat", "dog", "Fox"):
        assert repr(name) in line


def test_subfolders_of_classes_may_differ_or_stand_beside_images(tmp_path):
    write_classes(tmp_path / "in" / "cat", ("sitting", "lying"))
    write_classes(tmp_path / "in" / "dog", ("sitting", "running"))
    assert make_builder(tmp_path / "in", tmp_path).classes == ("cat", "dog")
    write_classes(tmp_path / "on" / "cat", ("day", "night"))
    write_classes(tmp_path / "on" / "dog", ("day", "night"))
    write_image(tmp_path / "on" / "dog" / "first.png")
    assert make_builder(tmp_path / "on", tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize("between", ["dataset", "archive/images", "data/a/b"])
def test_a_folder_above_the_classes_names_the_one_to_give(tmp_path, between):
    write_classes(tmp_path / "in" / between)
    assert f"--config.data.path='{tmp_path / 'in' / between}'" in refuse(
        tmp_path / "in", tmp_path, "class"
    )


def test_a_folder_above_the_splits_names_the_one_to_give(tmp_path):
    for split in ("train", "test"):
        write_classes(tmp_path / "in" / "archive" / split)
    assert f"'{tmp_path / 'in' / 'archive'}'" in refuse(tmp_path / "in", tmp_path, "class")


def test_the_folder_of_one_class_names_its_parent(tmp_path):
    folder = write_classes(tmp_path / "in")
    assert f"--config.data.path='{folder}'" in refuse(folder / "cat", tmp_path, "no class folder")


@pytest.mark.parametrize("place", ["test", "test/test", "test/unknown", "Test_Images"])
def test_images_without_labels_are_left_for_prediction(tmp_path, place):
    folder = tmp_path / "in"
    write_classes(folder / "train")
    for number in range(3):
        write_image(folder / place / f"{number}.png")
    builder = make_builder(folder, tmp_path)
    assert class_counts(builder) == {
        "train": {"cat": 4, "dog": 4},
        "valid": {"cat": 1, "dog": 1},
    }
    assert builder.skipped == []
    (note,) = builder.notes
    assert note.startswith(f"{folder / place.split('/')[0]}: 3 images ")


def test_classes_and_files_are_in_natural_order(tmp_path):
    folder = write_classes(tmp_path / "in", [str(number) for number in range(1, 13)], count=3)
    for number in (10, 100):
        write_image(folder / "2" / f"{number}.png")
    builder = make_builder(folder, tmp_path, valid_fraction=0, test_fraction=0)
    assert builder.classes == tuple(map(str, range(1, 13)))
    ids = split_ids(builder)["train"]
    assert ids[3:8] == ["2/0.png", "2/1.png", "2/2.png", "2/10.png", "2/100.png"]
    assert [example.label for example in builder.generate()["train"]] == sorted(
        int(image_id.split("/")[0]) - 1 for image_id in ids
    )
