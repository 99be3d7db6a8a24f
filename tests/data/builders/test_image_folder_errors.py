"""Unusable files and folders: an error of one line, or skipped and listed."""

import os
from pathlib import Path

import pytest
from PIL import Image

from gv_jax.data.builders import folder_listing
from tests.data.builders.folders import (
    class_counts,
    make_builder,
    num_images,
    refuse,
    snapshot,
    write_classes,
    write_image,
)


def write_text(path):
    path.write_text("not an image")


def write_truncated(path):
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:900])


def write_one_pixel(path):
    write_image(path, size=(1, 1))


def make_dangling_link(path):
    path.symlink_to("nowhere.png")


@pytest.mark.parametrize(
    "make", [write_text, write_truncated, write_one_pixel, make_dangling_link, os.mkfifo]
)
def test_an_unusable_file_is_refused_or_skipped(tmp_path, make):
    folder = write_classes(tmp_path / "in")
    bad = folder / "cat" / "bad one.png"
    make(bad)
    before = snapshot(folder) if bad.is_file() else None
    line = refuse(folder, tmp_path, "config.data.skip_broken=True")
    assert line.startswith(f"{bad}: ")
    builder = make_builder(folder, tmp_path, skip_broken=True)
    assert num_images(builder) == 10
    (skipped,) = builder.skipped
    assert skipped.startswith(f"{bad}: ")
    assert before is None or snapshot(folder) == before


def test_a_circle_of_links(tmp_path):
    folder = write_classes(tmp_path / "in")
    (folder / "cat" / "up").symlink_to(folder)
    (folder / "dog" / "self.png").symlink_to(folder / "dog" / "self.png")
    refuse(folder, tmp_path, "cat/up: is a link")
    builder = make_builder(folder, tmp_path, skip_broken=True)
    assert num_images(builder) == 10
    assert len(builder.skipped) == 2


def test_a_folder_without_read_permission(tmp_path, monkeypatch):
    folder = write_classes(tmp_path / "in")
    (folder / "cat" / "secret").mkdir()

    def scandir(path, real=os.scandir):
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(folder_listing.os, "scandir", scandir)
    refuse(folder, tmp_path, "cat/secret: .*Permission denied")
    assert num_images(make_builder(folder, tmp_path, skip_broken=True)) == 10


def test_an_image_outside_of_the_class_folders(tmp_path):
    folder = write_classes(tmp_path / "in")
    write_image(folder / "lost.png")
    refuse(folder, tmp_path, "lost.png")
    builder = make_builder(folder, tmp_path, skip_broken=True)
    assert builder.classes == ("cat", "dog")
    assert num_images(builder) == 10
    assert len(builder.skipped) == 1


def test_an_image_outside_of_the_class_folders_of_a_split(tmp_path):
    for split in ("train", "valid"):
        write_classes(tmp_path / "in" / split)
    write_image(tmp_path / "in" / "valid" / "lost.png")
    refuse(tmp_path / "in", tmp_path, "valid/lost.png")


def test_a_folder_without_images(tmp_path):
    folder = write_classes(tmp_path / "in")
    (folder / "bird").mkdir()
    (folder / "bird" / "notes.txt").write_text("none yet")
    refuse(folder, tmp_path, "in/bird: ")
    builder = make_builder(folder, tmp_path, skip_broken=True)
    assert builder.classes == ("cat", "dog")
    builder.generate()
    (skipped,) = builder.skipped
    assert skipped.startswith(f"{folder}/bird: ")


def test_a_class_that_train_does_not_have(tmp_path):
    write_classes(tmp_path / "in" / "train")
    write_classes(tmp_path / "in" / "val", ("cat", "dog", "fox"), count=2)
    refuse(tmp_path / "in", tmp_path, r"val/fox: .*train \(cat, dog\)")
    builder = make_builder(tmp_path / "in", tmp_path, skip_broken=True)
    assert class_counts(builder)["valid"] == {"cat": 2, "dog": 2}
    assert len(builder.skipped) == 1


def test_a_class_that_a_split_lacks(tmp_path):
    write_classes(tmp_path / "in" / "train")
    write_classes(tmp_path / "in" / "valid", ("cat",))
    refuse(tmp_path / "in", tmp_path, "'dog': .*'valid'")
    builder = make_builder(tmp_path / "in", tmp_path, skip_broken=True)
    assert class_counts(builder)["valid"] == {"cat": 5}


def test_a_class_without_usable_images(tmp_path):
    folder = write_classes(tmp_path / "in")
    for path in (folder / "dog").iterdir():
        write_text(path)
    refuse(folder, tmp_path, "'dog': 0 images", skip_broken=True)
    for split in ("train", "test"):
        write_classes(tmp_path / "given" / split)
    for path in (tmp_path / "given" / "train" / "dog").iterdir():
        write_text(path)
    refuse(tmp_path / "given", tmp_path, "class 'dog'", skip_broken=True, valid_fraction=0)
