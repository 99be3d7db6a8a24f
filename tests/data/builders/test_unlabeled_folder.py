"""Images without labels: flat, in one folder, in several, or in folders of splits."""

import pytest
from PIL import Image

from gv_jax.data.builders.unlabeled_folder import UnlabeledFolder, has_class_folders
from gv_jax.errors import UserError
from tests.inference.clip_writing import squares

OPTIONS = {"skip_broken": False, "valid_fraction": 0.1, "test_fraction": 0.1, "split_seed": 0}


def write_images(folder, names):
    for name, pixels in zip(names, squares(len(names)), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
    return folder


def prepare(root, folder):
    builder = UnlabeledFolder(root=root / "data", path=str(folder), **OPTIONS)
    builder.prepare()
    return {
        split: [image_id for image_id, *_ in builder.examples(split)]
        for split in builder.info.splits
    }


@pytest.mark.parametrize("pattern", ["{}.png", "one/{}.png", "a/b/{}.png"])
def test_every_image_is_in_one_split(pattern, tmp_path):
    names = [pattern.format(index) for index in range(6)]
    splits = prepare(tmp_path, write_images(tmp_path / "in", names))
    assert set(splits) == {"train", "valid", "test"}
    assert sorted(name for ids in splits.values() for name in ids) == sorted(names)


def test_folders_of_splits_are_the_splits(tmp_path):
    names = ["train/a.png", "train/b.png", "val/x/c.png", "test/d.png"]
    splits = prepare(tmp_path, write_images(tmp_path / "in", names))
    assert splits == {"train": names[:2], "valid": names[2:3], "test": names[3:]}


def test_an_empty_folder(tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        UnlabeledFolder(root=tmp_path / "data", path=str(tmp_path), **OPTIONS)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.png", "b.png"], False),
        (["one/a.png"], False),
        (["one/a.png", "two/b.png"], True),
        (["one/a.png", "two/b.png", "c.png"], False),
        (["train/one/a.png", "train/two/b.png", "test/one/c.png"], True),
        (["train/a.png", "test/b.png"], False),
    ],
)
def test_class_folders_are_at_least_two(names, expected, tmp_path):
    assert has_class_folders(write_images(tmp_path, names)) is expected
