"""Folders of pictures that tests of `image_folder` make and break."""

import zlib
from collections import Counter

import pytest
from PIL import Image

from gv_jax.data.builders.image_folder import ImageFolder
from gv_jax.errors import UserError

COMMON = {
    "skip_broken": False,
    "valid_fraction": 0.2,
    "test_fraction": 0.2,
    "split_seed": 0,
    "group_pattern": "",
}


def picture(path, number=0, size=(4, 3)):
    """A picture whose colour says its number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (number, 100, 200)).save(path)
    return path


def classes(folder, names=("cat", "dog"), each=5):
    for name in names:
        for number in range(each):
            picture(folder / name / f"{number}.png", number)
    return folder


def builder(folder, tmp_path, **options):
    return ImageFolder(root=tmp_path / "data", path=str(folder), **{**COMMON, **options})


def ids(made):
    return {
        split: [picture.id for picture in pictures] for split, pictures in made.pictures().items()
    }


def per_class(made):
    return {
        split: dict(Counter(name.split("/")[-2] for name in names))
        for split, names in ids(made).items()
    }


def contents(folder):
    """Everything about a folder that could be changed: names, bytes, times."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.is_file() and zlib.crc32(path.read_bytes()))
        for path in sorted(folder.rglob("*"))
    }


def refused(folder, tmp_path, match, **options):
    """The one line said of a folder, which must match."""
    with pytest.raises(UserError, match=match) as caught:
        builder(folder, tmp_path, **options).pictures()
    assert "\n" not in str(caught.value)
    return str(caught.value)
