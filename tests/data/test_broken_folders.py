"""What of a folder cannot be used: refused in one line, or listed and left out."""

import os
from pathlib import Path

import pytest
from PIL import Image

from gv_jax.data.builders import folder_listing
from tests.data.folders import builder, classes, contents, ids, per_class, picture, refused


def text(path):
    path.write_text("no picture")


def short(path):
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:900])


def one_pixel(path):
    picture(path, size=(1, 1))


def dangling(path):
    path.symlink_to("nowhere.png")


def pipe(path):
    os.mkfifo(path)


class TestBroken:
    @pytest.mark.parametrize(
        ("make", "why"),
        [
            (text, "no picture"),
            (short, "cannot be"),
            (one_pixel, "only 1x1"),
            (dangling, "link to nothing"),
            (pipe, "no regular file"),
        ],
    )
    def test_file(self, tmp_path, make, why):
        folder = classes(tmp_path / "in")
        make(folder / "cat" / "bad one.png")
        before = contents(folder) if make is not pipe else None
        line = refused(folder, tmp_path, why)
        assert line.startswith(f"{folder}/cat/bad one.png: ")
        assert "--config.data.skip_broken=True" in line
        made = builder(folder, tmp_path, skip_broken=True)
        assert sum(map(len, ids(made).values())) == 10
        assert len(made.skipped) == 1
        assert made.skipped[0].startswith(f"{folder}/cat/bad one.png: ")
        assert before is None or contents(folder) == before

    def test_circle_of_links(self, tmp_path):
        folder = classes(tmp_path / "in")
        (folder / "cat" / "up").symlink_to(folder)
        (folder / "dog" / "self.png").symlink_to(folder / "dog" / "self.png")
        assert "cat/up: is a link" in refused(folder, tmp_path, "lies in")
        made = builder(folder, tmp_path, skip_broken=True)
        assert sum(map(len, ids(made).values())) == 10
        assert len(made.skipped) == 2

    def test_folder_that_may_not_be_opened(self, tmp_path, monkeypatch):
        folder = classes(tmp_path / "in")
        (folder / "cat" / "secret").mkdir()

        def scandir(path, real=os.scandir):
            if Path(path).name == "secret":
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(folder_listing.os, "scandir", scandir)
        assert "cat/secret: cannot be opened" in refused(folder, tmp_path, r"Permission denied")
        made = builder(folder, tmp_path, skip_broken=True)
        assert sum(map(len, ids(made).values())) == 10

    def test_picture_outside_of_the_class_folders(self, tmp_path):
        folder = classes(tmp_path / "in")
        picture(folder / "lost.png")
        assert "lost.png" in refused(folder, tmp_path, "outside of the class folders")
        made = builder(folder, tmp_path, skip_broken=True)
        assert made.classes == ("cat", "dog")
        assert sum(map(len, ids(made).values())) == 10
        assert len(made.skipped) == 1

    def test_picture_where_a_split_should_hold_classes(self, tmp_path):
        for split in ("train", "valid"):
            classes(tmp_path / "in" / split)
        picture(tmp_path / "in" / "valid" / "lost.png")
        assert "valid/lost.png" in refused(
            tmp_path / "in", tmp_path, "outside of the class folders"
        )

    def test_folder_without_pictures(self, tmp_path):
        folder = classes(tmp_path / "in")
        (folder / "bird").mkdir()
        (folder / "bird" / "notes.txt").write_text("none yet")
        assert "bird" in refused(folder, tmp_path, "without pictures")
        made = builder(folder, tmp_path, skip_broken=True)
        assert made.classes == ("cat", "dog")
        made.pictures()
        assert made.skipped == [f"{folder}/bird: is a folder without pictures"]

    def test_class_that_train_does_not_have(self, tmp_path):
        classes(tmp_path / "in" / "train")
        classes(tmp_path / "in" / "val", ("cat", "dog", "fox"), each=2)
        assert "val/fox: is not among the classes of train" in refused(
            tmp_path / "in", tmp_path, "fox"
        )
        made = builder(tmp_path / "in", tmp_path, skip_broken=True)
        assert per_class(made)["valid"] == {"cat": 2, "dog": 2}
        assert len(made.skipped) == 1

    def test_class_that_a_split_lacks(self, tmp_path):
        classes(tmp_path / "in" / "train")
        classes(tmp_path / "in" / "valid", ("cat",))
        refused(tmp_path / "in", tmp_path, "class 'dog': has no picture in the split 'valid'")
        made = builder(tmp_path / "in", tmp_path, skip_broken=True)
        assert per_class(made)["valid"] == {"cat": 5}

    def test_class_of_which_nothing_is_left(self, tmp_path):
        folder = classes(tmp_path / "in")
        for path in (folder / "dog").iterdir():
            path.write_text("no picture")
        refused(folder, tmp_path, "class 'dog': 0 pictures", skip_broken=True)
        for split in ("train", "test"):
            classes(tmp_path / "given" / split)
        for path in (tmp_path / "given" / "train" / "dog").iterdir():
            path.write_text("no picture")
        refused(tmp_path / "given", tmp_path, "class 'dog'", skip_broken=True, valid_fraction=0)
