import os
from pathlib import Path

import pytest
from PIL import Image

from gv_jax.data import decode
from gv_jax.data.builders.image_folder import ImageFolder
from gv_jax.errors import UserError
from tests.data.builders.folders import (
    COMMON,
    class_counts,
    make_builder,
    num_images,
    refuse,
    split_ids,
    write_classes,
    write_image,
)


class TestLayouts:
    def test_class_folders_are_split_by_class(self, tmp_path):
        builder = make_builder(write_classes(tmp_path / "in"), tmp_path)
        assert builder.classes == ("cat", "dog")
        assert class_counts(builder) == {
            "train": {"cat": 3, "dog": 3},
            "valid": {"cat": 1, "dog": 1},
            "test": {"cat": 1, "dog": 1},
        }
        train = builder.generate()["train"]
        assert {example.label for example in train if example.id.startswith("dog")} == {1}

    @pytest.mark.parametrize(
        ("valid", "test"), [("valid", "test"), ("val", "Test"), ("validation", "TEST")]
    )
    def test_split_folders_are_used(self, tmp_path, valid, test):
        for split, count in (("train", 4), (valid, 2), (test, 1)):
            write_classes(tmp_path / "in" / split, count=count)
        builder = make_builder(tmp_path / "in", tmp_path)
        assert builder.classes == ("cat", "dog")
        assert class_counts(builder) == {
            "train": {"cat": 4, "dog": 4},
            "valid": {"cat": 2, "dog": 2},
            "test": {"cat": 1, "dog": 1},
        }
        assert split_ids(builder)["valid"] == [
            f"{valid}/{name}/{number}.png" for name in ("cat", "dog") for number in (0, 1)
        ]

    def test_valid_is_taken_from_train_and_test_stays_missing(self, tmp_path):
        write_classes(tmp_path / "in" / "train")
        assert class_counts(make_builder(tmp_path / "in", tmp_path)) == {
            "train": {"cat": 4, "dog": 4},
            "valid": {"cat": 1, "dog": 1},
        }
        write_classes(tmp_path / "in" / "test", count=2)
        counts = class_counts(make_builder(tmp_path / "in", tmp_path))
        assert list(counts) == ["train", "valid", "test"]
        assert counts["test"] == {"cat": 2, "dog": 2}

    def test_train_and_valid_without_test(self, tmp_path):
        for split in ("train", "valid"):
            write_classes(tmp_path / "in" / split)
        assert list(split_ids(make_builder(tmp_path / "in", tmp_path))) == ["train", "valid"]

    @pytest.mark.parametrize(
        ("test_fraction", "splits"), [(0.2, ["train", "test"]), (0, ["train"])]
    )
    def test_a_fraction_of_zero_makes_no_split(self, tmp_path, test_fraction, splits):
        folder = write_classes(tmp_path / "in")
        builder = make_builder(folder, tmp_path, valid_fraction=0, test_fraction=test_fraction)
        assert list(split_ids(builder)) == splits

    def test_a_class_may_be_named_train(self, tmp_path):
        builder = make_builder(write_classes(tmp_path / "in", ("train", "car")), tmp_path)
        assert builder.classes == ("car", "train")

    @pytest.mark.parametrize("names", [("train", "test", "extra"), ("train", "val", "valid")])
    def test_a_mixture_of_splits_and_classes_is_refused(self, tmp_path, names):
        for name in names:
            write_classes(tmp_path / "in" / name)
        refuse(tmp_path / "in", tmp_path, repr(names[2]))

    def test_all_formats_sizes_and_depths(self, tmp_path):
        for number, suffix in enumerate(("png", "JPG", "jpeg", "bmp", "GIF", "webp")):
            deep = tmp_path / "in" / "a" / "deep" / f"{number}.{suffix}"
            write_image(deep, number, (5 + number, 7))
            write_image(tmp_path / "in" / "b" / f"{number}.{suffix}", number)
        ids = split_ids(make_builder(tmp_path / "in", tmp_path))
        assert sum(map(len, ids.values())) == 12
        assert "a/deep/4.GIF" in set().union(*ids.values())

    def test_other_and_hidden_files_are_ignored(self, tmp_path):
        folder = write_classes(tmp_path / "in")
        for name in (
            *(".DS_Store", "Thumbs.db", "README.md"),
            *("cat/notes.txt", "cat/.hidden.png", "dog/.git/a.png"),
        ):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("not an image")
        builder = make_builder(folder, tmp_path)
        assert num_images(builder) == 10
        assert builder.skipped == []

    def test_unusual_names(self, tmp_path):
        names = (
            *("it's", 'a "quoted" one', "two  spaces", "Ünïcode 猫", "[a-z]*?"),
            *("$(x);&|", "-rf", "a.png", "%s{0}"),
        )
        folder = write_classes(tmp_path / "in", names, count=3)
        for name in names:
            (folder / name / "0.png").rename(folder / name / f"{name} 1.png")
        builder = make_builder(folder, tmp_path)
        assert builder.classes == tuple(sorted(names))
        examples = [example for part in builder.generate().values() for example in part]
        assert len({example.id for example in examples}) == 3 * len(names)
        for example in examples:
            assert example.id.startswith(builder.classes[example.label] + "/")

    def test_a_name_that_is_not_unicode(self, tmp_path):
        folder = write_classes(tmp_path / "in")
        try:
            os.rename(folder / "cat" / "0.png", os.fsencode(folder / "cat") + b"/\xff.png")
        except OSError:
            pytest.skip("this file system accepts no such name")
        ids = split_ids(make_builder(folder, tmp_path))
        assert "cat/\\udcff.png" in set().union(*ids.values())

    def test_links_are_followed(self, tmp_path):
        write_classes(tmp_path / "elsewhere")
        (tmp_path / "in").mkdir()
        for name in ("cat", "dog"):
            (tmp_path / "in" / name).symlink_to(tmp_path / "elsewhere" / name)
        assert num_images(make_builder(tmp_path / "in", tmp_path)) == 10


class TestGroups:
    def test_variants_are_in_one_split(self, tmp_path):
        for name in ("wall", "floor"):
            for tile in "abcdef":
                for number in range(3):
                    write_image(tmp_path / "in" / name / f"{tile}{number}.png")
        ids = split_ids(make_builder(tmp_path / "in", tmp_path, group_pattern=r"^(.+?)\d*$"))
        groups = [{name[: -len("0.png")] for name in names} for names in ids.values()]
        assert {len(names) for names in ids.values()} == {24, 6}
        assert sorted(Path(group).name for part in groups for group in part) == sorted("abcdef" * 2)

    def test_the_group_is_the_first_group_of_the_pattern(self, tmp_path):
        folder = write_classes(tmp_path / "in")
        group_of = make_builder(folder, tmp_path, group_pattern=r"episode(\d+)").group_of
        assert group_of("cat/episode12_frame3.png") == group_of("dog/deep/episode12 x.jpg")
        assert group_of("cat/episode12.png") != group_of("cat/episode13.png")
        assert group_of("cat/other.png") != group_of("dog/other.png")

    @pytest.mark.parametrize("pattern", ["(", r"\d+"])
    def test_invalid_patterns(self, tmp_path, pattern):
        line = refuse(
            write_classes(tmp_path / "in"), tmp_path, "group_pattern=", group_pattern=pattern
        )
        assert repr(pattern) in line


class TestErrors:
    def test_no_folder(self, tmp_path):
        refuse("", tmp_path, "config.data.path=DIR")
        refuse(tmp_path / "none", tmp_path, f"^{tmp_path}/none: no such folder")
        refuse(write_image(tmp_path / "a.png"), tmp_path, "a.png: .*config.data.path=DIR")
        (tmp_path / "circle").symlink_to(tmp_path / "circle")
        refuse(tmp_path / "circle", tmp_path, "circle: no such folder")

    def test_no_class_folder(self, tmp_path):
        (tmp_path / "in").mkdir()
        refuse(tmp_path / "in", tmp_path, "in: .*class folder")
        write_image(tmp_path / "in" / "a.png")
        refuse(tmp_path / "in", tmp_path, "in: .*class folder")

    def test_one_class(self, tmp_path):
        refuse(write_classes(tmp_path / "in", ("cat",)), tmp_path, "'cat'")
        write_classes(tmp_path / "given" / "train", ("cat",))
        refuse(tmp_path / "given", tmp_path, "'cat'")

    def test_a_class_with_too_few_images(self, tmp_path):
        folder = write_classes(tmp_path / "in")
        for number in (2, 3, 4):
            (folder / "dog" / f"{number}.png").unlink()
        refuse(folder, tmp_path, "'dog': 2 images")

    @pytest.mark.parametrize("root", ["in", "in/data", "in/cat"])
    def test_a_root_inside_the_folder(self, tmp_path, root):
        folder = write_classes(tmp_path / "in")
        with pytest.raises(UserError, match=r"config.data.root=DIR"):
            ImageFolder(root=tmp_path / root, path=str(folder), **COMMON)

    @pytest.mark.parametrize(("valid", "test"), [(-0.1, 0.1), (0.5, 0.5), (1, 0)])
    def test_fractions_that_leave_nothing_to_train_on(self, tmp_path, valid, test):
        folder = write_classes(tmp_path / "in")
        message = f"valid_fraction={valid} .*test_fraction={test} "
        refuse(folder, tmp_path, message, valid_fraction=valid, test_fraction=test)


def test_the_fingerprint_depends_on_everything_that_determines_the_data_set(tmp_path):
    folder = write_classes(tmp_path / "in")
    seen = [make_builder(folder, tmp_path).fingerprint]
    assert make_builder(folder, tmp_path).fingerprint == seen[0]
    for options in (
        {"split_seed": 1},
        {"valid_fraction": 0.3},
        {"skip_broken": True},
        {"group_pattern": r"(\d)"},
    ):
        seen.append(make_builder(folder, tmp_path, **options).fingerprint)
    (folder / "notes.txt").write_text("irrelevant")
    assert make_builder(folder, tmp_path).fingerprint == seen[0]
    os.utime(folder / "cat" / "0.png", ns=(1, 1))  # the content is the same
    assert make_builder(folder, tmp_path).fingerprint == seen[0]
    Image.new("RGB", (9, 9)).save(folder / "cat" / "0.png")
    seen.append(make_builder(folder, tmp_path).fingerprint)
    (folder / "cat" / "0.png").rename(folder / "cat" / "9.png")
    seen.append(make_builder(folder, tmp_path).fingerprint)
    (folder / "cat" / "9.png").unlink()
    seen.append(make_builder(folder, tmp_path).fingerprint)
    assert len(set(seen)) == len(seen)


def test_creating_a_builder_opens_no_image_and_writes_nothing(tmp_path, monkeypatch):
    folder = write_classes(tmp_path / "in")
    monkeypatch.setattr(decode, "open_image", None)
    assert make_builder(folder, tmp_path).classes == ("cat", "dog")
    assert not (tmp_path / "data").exists()
