"""Folders of images for the tests of `image_folder`."""

import zlib
from collections import Counter
from pathlib import Path

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


def write_image(path: Path, value: int = 0, size: tuple[int, int] = (4, 3)) -> Path:
    """Writes an RGB image of (width, height) whose red channel is `value`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 100, 200)).save(path)
    return path


def write_classes(folder: Path, names=("cat", "dog"), count: int = 5) -> Path:
    """Writes one folder of `count` images per class; returns `folder`."""
    for name in names:
        for number in range(count):
            write_image(folder / name / f"{number}.png", number)
    return folder


def make_builder(folder, tmp_path, **options) -> ImageFolder:
    return ImageFolder(root=tmp_path / "data", path=str(folder), **{**COMMON, **options})


def split_ids(builder: ImageFolder) -> dict[str, list[str]]:
    return {
        split: [example.id for example in examples]
        for split, examples in builder.generate().items()
    }


def num_images(builder: ImageFolder) -> int:
    return sum(map(len, split_ids(builder).values()))


def class_counts(builder: ImageFolder) -> dict[str, dict[str, int]]:
    return {
        split: dict(Counter(image_id.split("/")[-2] for image_id in ids))
        for split, ids in split_ids(builder).items()
    }


def snapshot(folder: Path) -> dict[str, tuple]:
    """Everything about a folder that could be changed: names, times, contents."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.is_file() and zlib.crc32(path.read_bytes()))
        for path in sorted(folder.rglob("*"))
    }


def refuse(folder, tmp_path, match: str, **options) -> str:
    """Asserts a UserError that matches; returns its message of one line."""
    with pytest.raises(UserError, match=match) as caught:
        make_builder(folder, tmp_path, **options).generate()
    assert "\n" not in str(caught.value)
    return str(caught.value)
