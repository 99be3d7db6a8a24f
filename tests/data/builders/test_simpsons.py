"""The layout of the Kaggle data set with generated images: colors encode the character, and
white encodes the box."""

import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from configs import simpsons
from gv_jax.data import dataset
from gv_jax.data.box import NO_BOX
from gv_jax.data.builders.simpsons import Simpsons, shorten
from gv_jax.errors import UserError

COMMON = {
    "skip_broken": False,
    "valid_fraction": 0.2,
    "test_fraction": 0.1,
    "split_seed": 0,
    "characters": (),
}
SHAPE = {
    "size": (6, 8),
    "channels": 3,
    "resize_mode": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}
COLORS = {"bart_simpson": (200, 0, 0), "lisa_simpson": (0, 200, 0)}
TRAIN_FOLDER, TEST_FOLDER = "simpsons_dataset", "kaggle_simpson_testset"


def write_image(path, color, box=None):
    """Writes 16x12 pixels as PNG, which is lossless, under any file name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((12, 16, 3), color, np.uint8)
    if box:
        x1, y1, x2, y2 = box
        pixels[y1:y2, x1:x2] = 255
    Image.fromarray(pixels).save(path, "PNG")


@pytest.fixture
def folder(tmp_path):
    """Five training images with one box each, and two test images, of each of two characters."""
    root, lines = tmp_path / "in", []
    for name, color in COLORS.items():
        for number in range(5):
            box = (number, 2, number + 8, 8)
            file = f"pic_{number:04d}.jpg"
            write_image(root / TRAIN_FOLDER / name / file, color, box)
            lines.append(f"./characters/{name}/{file},{','.join(map(str, box))},{name}\n")
        for number in range(2):
            write_image(root / TEST_FOLDER / f"{name}_{number}.jpg", color)
    (root / "annotation.txt").write_text("".join(lines))
    return root


def make_builder(folder, **options):
    options = {"root": folder.parent / "data", "path": str(folder), **COMMON, **options}
    return Simpsons(**options)


def load(folder, preprocess="none", **options):
    options = {"root": folder.parent / "data", "path": str(folder), **SHAPE, **COMMON, **options}
    return dataset.load_split_arrays("simpsons", preprocess=preprocess, **options)


def replace_lisa_boxes(folder, lines):
    """Replaces the lines of lisa_simpson in annotation.txt."""
    file = folder / "annotation.txt"
    kept = [line for line in file.read_text().splitlines() if line.endswith("bart_simpson")]
    file.write_text("\n".join([*kept, *lines]))


class TestLoad:
    def test_splits_classes_and_ids(self, folder):
        data = load(folder)
        assert data.classes == ("bart_simpson", "lisa_simpson")
        assert data.groups == {}
        assert {split: len(part.ids) for split, part in data.splits.items()} == {
            "train": 8,
            "valid": 2,
            "test": 4,
        }
        for split, part in data.splits.items():
            for image, label, image_id in zip(part.images, part.labels, part.ids, strict=True):
                name = data.classes[label]
                assert tuple(image[-1, -1]) == COLORS[name]
                prefix = f"{TEST_FOLDER}/{name}_" if split == "test" else f"{name}/pic_"
                assert image_id.startswith(prefix)
            assert len(set(Counter(part.labels.tolist()).values())) == 1
        assert data.skipped == ()
        (warning,) = data.warnings
        assert warning.startswith(f"{TEST_FOLDER}: the 4 images have no boxes")

    def test_crop_shows_the_box_and_whole_test_images(self, folder):
        data = load(folder, "crop")
        for split in ("train", "valid"):
            assert (data.splits[split].images == 255).all()
        test = data.splits["test"]
        for image, label in zip(test.images, test.labels, strict=True):
            assert (image == list(COLORS.values())[label]).all()

    def test_without_crop_boxes_have_no_effect(self, folder):
        assert (load(folder).splits["train"].images != 255).any(axis=-1).any(axis=(1, 2)).all()

    def test_boxes_are_stored_with_the_prepared_images(self, folder):
        builder = make_builder(folder)
        builder.prepare()
        for split in ("train", "valid"):
            for image_id, _, _, box in builder.examples(split):
                number = int(image_id[-5])
                assert box == (2, number, 8, number + 8)
        assert {box for *_, box in builder.examples("test")} == {NO_BOX}

    def test_without_a_path_below_root(self, folder):
        shutil.copytree(folder, folder.parent / "data" / "simpsons")
        assert make_builder(folder, path="").classes == ("bart_simpson", "lisa_simpson")

    def test_changed_boxes_are_prepared_again(self, folder):
        load(folder, "crop")
        replace_lisa_boxes(folder, [])
        train = load(folder, "crop").splits["train"]
        assert (train.images[train.labels == 0] == 255).all()
        assert not (train.images[train.labels == 1] == 255).all()

    def test_warnings_are_stored(self, folder):
        replace_lisa_boxes(folder, [])
        first = load(folder).warnings
        assert load(folder).warnings == first
        assert len(first) == 2

    def test_the_seed_determines_valid(self, folder):
        drawn = {
            tuple(
                example.id for example in make_builder(folder, split_seed=seed).generate()["valid"]
            )
            for seed in range(8)
        }
        assert len(drawn) > 1

    def test_the_config_has_the_fields_of_the_builder(self):
        config = simpsons.get_config()
        assert config.data.size == (255, 342)
        assert set(config.data[config.data.name]) == {"characters"}


class TestLayouts:
    def test_folders_in_folders_of_the_same_name(self, folder):
        before = make_builder(folder)
        ids = [[example.id for example in part] for part in before.generate().values()]
        for name in (TRAIN_FOLDER, TEST_FOLDER):
            (folder / name).rename(folder / "temporary")
            (folder / name).mkdir()
            (folder / "temporary").rename(folder / name / name)
        after = make_builder(folder)
        assert [[example.id for example in part] for part in after.generate().values()] == ids
        assert after.warnings == before.warnings

    def test_other_characters_only_if_selected(self, folder):
        for number in range(3):
            path = folder / TRAIN_FOLDER / "moe_szyslak" / f"pic_{number}.jpg"
            write_image(path, COLORS["bart_simpson"])
        write_image(folder / TEST_FOLDER / "moe_szyslak_0.jpg", COLORS["bart_simpson"])
        assert make_builder(folder).classes == ("bart_simpson", "lisa_simpson")
        builder = make_builder(folder, characters=("moe_szyslak", "lisa_simpson"))
        assert builder.classes == ("moe_szyslak", "lisa_simpson")
        splits = builder.generate()
        assert len(splits["test"]) == 3
        ids = [example.id for part in splits.values() for example in part]
        assert not any(image_id.startswith("bart") for image_id in ids)

    def test_the_published_characters_are_known_without_a_folder(self, tmp_path):
        classes = make_builder(tmp_path / "in", path="").classes
        assert len(classes) == 6
        assert {"apu_nahasapeemapetilon", "krusty_the_clown"} < set(classes)

    def test_without_validation(self, folder):
        assert list(make_builder(folder, valid_fraction=0).generate()) == ["train", "test"]


class TestWarnings:
    @pytest.mark.parametrize(
        ("fields", "coordinates", "reason"),
        [
            ("0,2,17,8,lisa_simpson", "x 0 to 17, y 2 to 8", "inside"),
            ("8,2,0,8,lisa_simpson", "x 8 to 0, y 2 to 8", "negative"),
            ("8,2,8,8,lisa_simpson", "x 8 to 8, y 2 to 8", "area"),
            ("0,2,8,8,bart_simpson", "x 0 to 8, y 2 to 8", "bart_simpson"),
        ],
    )
    def test_an_invalid_box_is_ignored_but_not_its_image(self, folder, fields, coordinates, reason):
        ids = [f"lisa_simpson/pic_{number:04d}.jpg" for number in range(5)]
        replace_lisa_boxes(folder, [f"./characters/{image_id},{fields}" for image_id in ids])
        builder = make_builder(folder, valid_fraction=0)
        train = list(builder.generate()["train"])
        assert [example.box == NO_BOX for example in train] == [False] * 5 + [True] * 5
        *warnings, _ = builder.warnings
        for image_id, warning in zip(ids, warnings, strict=True):
            assert warning.startswith(f"{image_id}: ")
            assert all(text in warning for text in (coordinates, reason, "16x12"))
        assert builder.skipped == []

    def test_images_without_a_box_are_counted_and_listed(self, folder):
        replace_lisa_boxes(folder, ["lisa_simpson/pic_0003.jpg,0,0,1,1,lisa_simpson"])
        builder = make_builder(folder)
        builder.generate()
        warning, _ = builder.warnings
        assert warning.startswith("lisa_simpson: 4 of 5 images ")
        assert warning.endswith(": pic_0000.jpg, pic_0001.jpg, pic_0002.jpg, pic_0004.jpg")

    def test_boxes_without_an_image_and_invalid_lines(self, folder):
        file = folder / "annotation.txt"
        with file.open("a") as annotations:
            annotations.write(
                "./characters/lisa_simpson/pic_9999.jpg,0,0,1,1,lisa_simpson\n"
                "x/moe/p.jpg,0,0,1,1,moe\n"
                "nonsense\n"
            )
        builder = make_builder(folder)
        builder.generate()
        invalid, missing, _ = builder.warnings
        assert invalid.startswith(f"{file}, line 13: ")
        assert "'nonsense'" in invalid
        assert missing.startswith(f"{file}: 1 images ")
        assert missing.endswith(": lisa_simpson/pic_9999.jpg")

    def test_no_boxes_file(self, folder):
        (folder / "annotation.txt").unlink()
        data = load(folder, "crop")
        assert data.warnings[0].startswith(f"{folder}/annotation.txt: ")
        assert np.array_equal(data.splits["train"].images, load(folder).splits["train"].images)

    def test_long_lists_are_shortened(self):
        assert shorten(["a", "b"]) == "a, b"
        assert shorten([str(number) for number in range(1025)]).endswith("18, 19 … and 1,005 more")


class TestErrors:
    def test_no_folder(self, tmp_path):
        message = r"data/simpsons/simpsons_dataset: .*annotation\.txt .*config\.data\.path=DIR"
        with pytest.raises(UserError, match=message) as caught:
            make_builder(tmp_path / "in", path="").generate()
        assert "\n" not in str(caught.value)

    def test_no_test_folder(self, folder):
        shutil.rmtree(folder / TEST_FOLDER)
        with pytest.raises(UserError, match=f"{TEST_FOLDER}: "):
            make_builder(folder).generate()

    def test_one_character(self, folder):
        shutil.rmtree(folder / TRAIN_FOLDER / "lisa_simpson")
        with pytest.raises(UserError, match=r" 1 .*apu.*config\.data\.simpsons\.characters"):
            make_builder(folder).generate()

    def test_an_unknown_character(self, folder):
        with pytest.raises(UserError, match=r"simpsons.characters.*'lisa_simson'.*'lisa_simpson'"):
            make_builder(folder, characters=("bart_simpson", "lisa_simson"))

    def test_corrupt_and_misnamed_files(self, folder):
        (folder / TRAIN_FOLDER / "bart_simpson" / "pic_0002.jpg").write_text("not an image")
        write_image(folder / TEST_FOLDER / "someone.jpg", COLORS["bart_simpson"])
        with pytest.raises(UserError, match=r"pic_0002\.jpg: .*config\.data\.skip_broken"):
            make_builder(folder).generate()
        builder = make_builder(folder, skip_broken=True)
        assert sum(map(len, builder.generate().values())) == 13
        corrupt, misnamed = builder.skipped
        assert "pic_0002.jpg: " in corrupt
        assert "someone.jpg: " in misnamed

    def test_a_character_without_test_images(self, folder):
        for number in range(2):
            (folder / TEST_FOLDER / f"lisa_simpson_{number}.jpg").unlink()
        with pytest.raises(UserError, match=r"'lisa_simpson': .*'test'"):
            make_builder(folder).generate()


def test_files_of_other_formats_are_counted_in_each_folder(folder):
    assert make_builder(folder).notes == ()
    for name in COLORS:
        (folder / TRAIN_FOLDER / name / "layers.psd").touch()
    (folder / TEST_FOLDER / "names.txt").touch()
    train_note, test_note = make_builder(folder).notes
    assert train_note.startswith(f"{folder / TRAIN_FOLDER}: ")
    assert "2 .psd" in train_note
    assert test_note.startswith(f"{folder / TEST_FOLDER}: ")
    assert "1 .txt" in test_note
    assert {train_note, test_note} <= set(load(folder).warnings)
