import os
from pathlib import Path

import pytest

from gv_jax.data.builders import image_folder
from gv_jax.data.builders.image_folder import ImageFolder
from gv_jax.errors import UserError
from tests.data.folders import COMMON, builder, classes, ids, per_class, picture, refused


class TestLayouts:
    def test_class_folders_are_split_by_class(self, tmp_path):
        made = builder(classes(tmp_path / "in"), tmp_path)
        assert made.classes == ("cat", "dog")
        assert per_class(made) == {
            "train": {"cat": 3, "dog": 3},
            "valid": {"cat": 1, "dog": 1},
            "test": {"cat": 1, "dog": 1},
        }
        assert {
            picture.label for picture in made.pictures()["train"] if picture.id.startswith("dog")
        } == {1}

    @pytest.mark.parametrize(
        ("valid", "test"), [("valid", "test"), ("val", "Test"), ("validation", "TEST")]
    )
    def test_given_splits_are_kept(self, tmp_path, valid, test):
        for split, each in (("train", 4), (valid, 2), (test, 1)):
            classes(tmp_path / "in" / split, each=each)
        made = builder(tmp_path / "in", tmp_path)
        assert made.classes == ("cat", "dog")
        assert per_class(made) == {
            "train": {"cat": 4, "dog": 4},
            "valid": {"cat": 2, "dog": 2},
            "test": {"cat": 1, "dog": 1},
        }
        assert ids(made)["valid"] == [
            f"{valid}/{name}/{number}.png" for name in ("cat", "dog") for number in (0, 1)
        ]

    def test_valid_is_carved_from_train_and_test_stays_absent(self, tmp_path):
        classes(tmp_path / "in" / "train")
        assert per_class(builder(tmp_path / "in", tmp_path)) == {
            "train": {"cat": 4, "dog": 4},
            "valid": {"cat": 1, "dog": 1},
        }
        classes(tmp_path / "in" / "test", each=2)
        made = per_class(builder(tmp_path / "in", tmp_path))
        assert list(made) == ["train", "valid", "test"]
        assert made["test"] == {"cat": 2, "dog": 2}

    def test_train_and_valid_without_test(self, tmp_path):
        for split in ("train", "valid"):
            classes(tmp_path / "in" / split)
        assert list(ids(builder(tmp_path / "in", tmp_path))) == ["train", "valid"]

    def test_no_split_where_its_share_is_zero(self, tmp_path):
        folder = classes(tmp_path / "in")
        assert list(ids(builder(folder, tmp_path, valid_fraction=0))) == ["train", "test"]
        assert list(ids(builder(folder, tmp_path, valid_fraction=0, test_fraction=0))) == ["train"]

    def test_a_class_may_be_called_train(self, tmp_path):
        made = builder(classes(tmp_path / "in", ("train", "car")), tmp_path)
        assert made.classes == ("car", "train")

    @pytest.mark.parametrize("names", [("train", "test", "extra"), ("train", "val", "valid")])
    def test_a_mixture_of_splits_and_classes_is_refused(self, tmp_path, names):
        for name in names:
            classes(tmp_path / "in" / name)
        assert repr(names[2]) in refused(
            tmp_path / "in", tmp_path, "cannot tell splits from classes"
        )

    def test_all_formats_sizes_and_depths(self, tmp_path):
        for number, suffix in enumerate(("png", "JPG", "jpeg", "bmp", "GIF", "webp")):
            picture(tmp_path / "in" / "a" / "deep" / f"{number}.{suffix}", number, (5 + number, 7))
            picture(tmp_path / "in" / "b" / f"{number}.{suffix}", number)
        made = ids(builder(tmp_path / "in", tmp_path))
        assert sum(map(len, made.values())) == 12
        assert "a/deep/4.GIF" in {name for names in made.values() for name in names}

    def test_what_is_no_picture_is_passed_over(self, tmp_path):
        folder = classes(tmp_path / "in")
        for name in (
            ".DS_Store",
            "Thumbs.db",
            "cat/notes.txt",
            "cat/.hidden.png",
            "dog/.git/a.png",
            "README.md",
        ):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("no picture")
        made = builder(folder, tmp_path)
        assert sum(map(len, ids(made).values())) == 10
        assert made.skipped == []

    def test_odd_names(self, tmp_path):
        names = (
            "it's",
            'a "quoted" one',
            "two  spaces",
            "Ünïcode 猫",
            "[a-z]*?",
            "$(x);&|",
            "-rf",
            "a.png",
            "%s{0}",
        )
        folder = classes(tmp_path / "in", names, each=3)
        for name in names:
            (folder / name / "0.png").rename(folder / name / f"{name} 1.png")
        made = builder(folder, tmp_path)
        assert made.classes == tuple(sorted(names))
        found = {
            picture.id: picture.label
            for pictures in made.pictures().values()
            for picture in pictures
        }
        assert len(found) == 3 * len(names)
        assert all(name.startswith(made.classes[label] + "/") for name, label in found.items())

    def test_name_that_is_no_unicode(self, tmp_path):
        folder = classes(tmp_path / "in")
        try:
            os.rename(folder / "cat" / "0.png", os.fsencode(folder / "cat") + b"/\xff.png")
        except OSError:
            pytest.skip("this file system takes no such name")
        made = builder(folder, tmp_path)
        assert "cat/\\udcff.png" in {name for names in ids(made).values() for name in names}

    def test_links_are_followed(self, tmp_path):
        classes(tmp_path / "elsewhere")
        (tmp_path / "in").mkdir()
        for name in ("cat", "dog"):
            (tmp_path / "in" / name).symlink_to(tmp_path / "elsewhere" / name)
        assert sum(map(len, ids(builder(tmp_path / "in", tmp_path)).values())) == 10


class TestGroups:
    def test_variants_stay_on_one_side(self, tmp_path):
        for name in ("wall", "floor"):
            for tile in "abcdef":
                for number in range(3):
                    picture(tmp_path / "in" / name / f"{tile}{number}.png")
        made = ids(builder(tmp_path / "in", tmp_path, group_pattern=r"^(.+?)\d*$"))
        sides = [{name[:-5] for name in names} for names in made.values()]
        tiles = [
            Path(name).stem[0] for names in made.values() for name in {name[:-5] for name in names}
        ]
        assert sum(map(len, sides)) == 12
        assert {len(names) for names in made.values()} == {24, 6}
        assert sorted(tiles) == sorted("abcdef" * 2)

    def test_group_is_what_the_parentheses_hold(self, tmp_path):
        made = builder(classes(tmp_path / "in"), tmp_path, group_pattern=r"episode(\d+)")
        assert made.group("cat/episode12_frame3.png") == made.group("dog/deep/episode12 x.jpg")
        assert made.group("cat/episode12.png") != made.group("cat/episode13.png")
        assert made.group("cat/other.png") != made.group("dog/other.png")

    @pytest.mark.parametrize(
        ("pattern", "match"), [("(", "no regular expression"), (r"\d+", r"group \(\.\.\.\)")]
    )
    def test_pattern_that_says_nothing(self, tmp_path, pattern, match):
        refused(classes(tmp_path / "in"), tmp_path, match, group_pattern=pattern)


class TestFolder:
    def test_missing_or_unusable(self, tmp_path):
        refused("", tmp_path, "needs --config.data.path=DIR")
        refused(tmp_path / "none", tmp_path, "no such folder")
        refused(picture(tmp_path / "a.png"), tmp_path, "is no folder")
        (tmp_path / "empty").mkdir()
        refused(tmp_path / "empty", tmp_path, "no class folder with pictures")
        (tmp_path / "circle").symlink_to(tmp_path / "circle")
        refused(tmp_path / "circle", tmp_path, "no such folder")

    def test_one_class(self, tmp_path):
        refused(classes(tmp_path / "in", ("cat",)), tmp_path, "only the class 'cat'")
        classes(tmp_path / "given" / "train", ("cat",))
        refused(tmp_path / "given", tmp_path, "only the class 'cat'")

    def test_flat_folder(self, tmp_path):
        picture(tmp_path / "in" / "a.png")
        refused(tmp_path / "in", tmp_path, "no class folder with pictures")

    def test_class_with_too_few_pictures(self, tmp_path):
        folder = classes(tmp_path / "in")
        for number in (2, 3, 4):
            (folder / "dog" / f"{number}.png").unlink()
        refused(folder, tmp_path, "class 'dog': 2 pictures are too few")

    @pytest.mark.parametrize("root", ["in", "in/data", "in/cat"])
    def test_nothing_is_written_into_it(self, tmp_path, root):
        folder = classes(tmp_path / "in")
        with pytest.raises(UserError, match="Give another place"):
            ImageFolder(root=tmp_path / root, path=str(folder), **COMMON)

    @pytest.mark.parametrize(("valid", "test"), [(-0.1, 0.1), (0.5, 0.5), (1, 0)])
    def test_shares_that_leave_nothing(self, tmp_path, valid, test):
        refused(
            classes(tmp_path / "in"),
            tmp_path,
            "less than 1",
            valid_fraction=valid,
            test_fraction=test,
        )


def test_fingerprint_follows_all_that_shapes_the_set(tmp_path):
    folder = classes(tmp_path / "in")
    seen = [builder(folder, tmp_path).fingerprint]
    assert builder(folder, tmp_path).fingerprint == seen[0]
    for options in (
        {"split_seed": 1},
        {"valid_fraction": 0.3},
        {"skip_broken": True},
        {"group_pattern": r"(\d)"},
    ):
        seen.append(builder(folder, tmp_path, **options).fingerprint)
    (folder / "notes.txt").write_text("of no matter")
    assert builder(folder, tmp_path).fingerprint == seen[0]
    os.utime(folder / "cat" / "0.png", ns=(1, 1))
    seen.append(builder(folder, tmp_path).fingerprint)
    (folder / "cat" / "0.png").rename(folder / "cat" / "9.png")
    seen.append(builder(folder, tmp_path).fingerprint)
    (folder / "cat" / "9.png").unlink()
    seen.append(builder(folder, tmp_path).fingerprint)
    assert len(set(seen)) == len(seen)


def test_making_a_builder_opens_no_picture(tmp_path, monkeypatch):
    folder = classes(tmp_path / "in")
    monkeypatch.setattr(image_folder.preprocess, "open_picture", None)
    assert builder(folder, tmp_path).classes == ("cat", "dog")
    assert not (tmp_path / "data").exists()
