"""The Kaggle layout with made-up pictures: each says by its colour whom it shows, and by white where the box is."""

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
    "fit": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}
BART, LISA = (200, 0, 0), (0, 200, 0)
WHO = {"bart_simpson": BART, "lisa_simpson": LISA}
NONE = "kaggle_simpson_testset: the set has no boxes for these 4 pictures; a crop leaves them whole"


def picture(path, colour, box=None):
    """16 wide, 12 high, as PNG, which keeps pixels, under whatever name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((12, 16, 3), colour, np.uint8)
    if box:
        x1, y1, x2, y2 = box
        pixels[y1:y2, x1:x2] = 255
    Image.fromarray(pixels).save(path, "PNG")


@pytest.fixture
def folder(tmp_path):
    """Five pictures of each of two characters, with one box each, and two tests of each."""
    lines = []
    for name, colour in WHO.items():
        for number in range(5):
            box = (number, 2, number + 8, 8)
            picture(
                tmp_path / "in" / "simpsons_dataset" / name / f"pic_{number:04d}.jpg", colour, box
            )
            lines.append(
                f"./characters/{name}/pic_{number:04d}.jpg,{','.join(map(str, box))},{name}\n"
            )
        for number in range(2):
            picture(tmp_path / "in" / "kaggle_simpson_testset" / f"{name}_{number}.jpg", colour)
    (tmp_path / "in" / "annotation.txt").write_text("".join(lines))
    return tmp_path / "in"


def builder(folder, **options):
    return Simpsons(root=folder.parent / "data", path=str(folder), **{**COMMON, **options})


def load(folder, preprocess="none", **options):
    path = options.pop("path", str(folder))
    options = {"root": folder.parent / "data", "path": path, **SHAPE, **COMMON, **options}
    return dataset.load_split_arrays("simpsons", preprocess=preprocess, **options)


def note(folder, lines):
    """Other boxes for lisa's pictures than those of the fixture."""
    kept = [
        line
        for line in (folder / "annotation.txt").read_text().splitlines()
        if line.endswith("bart_simpson")
    ]
    (folder / "annotation.txt").write_text("\n".join([*kept, *lines]))


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
            for image, label, name in zip(part.images, part.labels, part.ids, strict=True):
                who = data.classes[label]
                assert tuple(image[-1, -1]) == WHO[who]
                assert name.startswith(
                    f"kaggle_simpson_testset/{who}_" if split == "test" else f"{who}/pic_"
                )
            assert len(set(Counter(part.labels.tolist()).values())) == 1
        assert data.skipped == ()
        assert data.remarks == (NONE,)

    def test_crop_shows_the_box_and_of_a_test_everything(self, folder):
        data = load(folder, "crop")
        for split in ("train", "valid"):
            assert (data.splits[split].images == 255).all()
        for image, label in zip(
            data.splits["test"].images, data.splits["test"].labels, strict=True
        ):
            assert (image == list(WHO.values())[label]).all()

    def test_boxes_do_not_matter_to_vanilla(self, folder):
        assert (load(folder).splits["train"].images != 255).any(axis=-1).any(axis=(1, 2)).all()

    def test_boxes_are_kept_with_the_prepared_pictures(self, folder):
        made = builder(folder)
        made.prepare()
        for split in ("train", "valid"):
            for name, _, _, (top, left, bottom, right) in made.examples(split):
                number = int(name[-5])
                assert (top, left, bottom, right) == (2, number, 8, number + 8)
        assert {box for *_, box in made.examples("test")} == {NO_BOX}

    def test_without_a_path_below_root(self, folder):
        shutil.copytree(folder, folder.parent / "data" / "simpsons")
        assert load(folder, path="").classes == ("bart_simpson", "lisa_simpson")

    def test_another_annotation_is_noticed(self, folder):
        load(folder, "crop")
        note(folder, [])
        images, labels = (
            load(folder, "crop").splits["train"].images,
            load(folder, "crop").splits["train"].labels,
        )
        assert (images[labels == 0] == 255).all()
        assert not (images[labels == 1] == 255).all()

    def test_seed_decides_the_validation(self, folder):
        drawn = {tuple(load(folder, split_seed=seed).splits["valid"].ids) for seed in range(8)}
        assert len(drawn) > 1

    def test_the_config_takes_it(self):
        config = simpsons.get_config()
        assert config.data.size == (255, 342)
        assert set(config.data[config.data.name]) == {"characters"}


class TestLayouts:
    def test_folders_in_folders_of_their_name(self, folder):
        before = load(folder)
        for name in ("simpsons_dataset", "kaggle_simpson_testset"):
            (folder / name).rename(folder / "there")
            (folder / name).mkdir()
            (folder / "there").rename(folder / name / name)
        after = load(folder)
        assert after.remarks == before.remarks
        for split in before.splits:
            assert after.splits[split].ids == before.splits[split].ids

    def test_characters_beyond_the_six_only_when_asked_for(self, folder):
        for number in range(3):
            picture(folder / "simpsons_dataset" / "moe_szyslak" / f"pic_{number}.jpg", BART)
        picture(folder / "kaggle_simpson_testset" / "moe_szyslak_0.jpg", BART)
        assert builder(folder).classes == ("bart_simpson", "lisa_simpson")
        data = load(folder, characters=("moe_szyslak", "lisa_simpson"))
        assert data.classes == ("moe_szyslak", "lisa_simpson")
        assert len(data.splits["test"].ids) == 3
        assert not any(
            name.startswith("bart") for part in data.splits.values() for name in part.ids
        )

    def test_without_any_folder_the_six_are_known(self, tmp_path):
        classes = dataset.class_names("simpsons", root=tmp_path, path="", **COMMON)
        assert len(classes) == 6
        assert {"apu_nahasapeemapetilon", "krusty_the_clown"} < set(classes)

    def test_without_validation(self, folder):
        assert list(load(folder, valid_fraction=0).splits) == ["train", "test"]


class TestRemarks:
    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            (
                "0,2,17,8,lisa_simpson",
                "box x 0 to 17, y 2 to 8 is not inside the picture (16x12), and is not used",
            ),
            (
                "8,2,0,8,lisa_simpson",
                "box x 8 to 0, y 2 to 8 ends before it begins (16x12), and is not used",
            ),
            ("8,2,8,8,lisa_simpson", "box x 8 to 8, y 2 to 8 has no area (16x12), and is not used"),
            (
                "0,2,8,8,bart_simpson",
                "box x 0 to 8, y 2 to 8 is of bart_simpson (16x12), and is not used",
            ),
        ],
    )
    def test_a_box_of_no_use_is_dropped_but_not_its_picture(self, folder, fields, why):
        note(
            folder,
            [f"./characters/lisa_simpson/pic_{number:04d}.jpg,{fields}" for number in range(5)],
        )
        made = builder(folder, valid_fraction=0)
        train = list(made.pictures()["train"])
        assert [picture.box == NO_BOX for picture in train] == [False] * 5 + [True] * 5
        assert made.remarks == [
            *(f"lisa_simpson/pic_{number:04d}.jpg: {why}" for number in range(5)),
            NONE,
        ]
        assert made.skipped == []

    def test_pictures_without_a_box_are_counted_and_named(self, folder):
        note(folder, ["lisa_simpson/pic_0003.jpg,0,0,1,1,lisa_simpson"])
        made = builder(folder)
        made.pictures()
        without = "pic_0000.jpg, pic_0001.jpg, pic_0002.jpg, pic_0004.jpg"
        assert made.remarks == [f"lisa_simpson: 4 of 5 pictures have no box: {without}", NONE]

    def test_boxes_without_a_picture(self, folder):
        with (folder / "annotation.txt").open("a") as file:
            file.write(
                "./characters/lisa_simpson/pic_9999.jpg,0,0,1,1,lisa_simpson\nx/moe/p.jpg,0,0,1,1,moe\nnonsense\n"
            )
        made = builder(folder)
        made.pictures()
        place = folder / "annotation.txt"
        assert made.remarks == [
            f"{place}, line 13: is no path,x1,y1,x2,y2,character: 'nonsense'",
            f"{place}: 1 boxed pictures are not there: lisa_simpson/pic_9999.jpg",
            NONE,
        ]

    def test_no_annotation(self, folder):
        (folder / "annotation.txt").unlink()
        data = load(folder, "crop")
        assert data.remarks[0] == f"{folder}/annotation.txt: is not there, so no picture has a box"
        assert np.array_equal(data.splits["train"].images, load(folder).splits["train"].images)

    def test_are_there_at_every_start(self, folder):
        note(folder, [])
        assert load(folder).remarks == load(folder).remarks != ()

    def test_long_lists_are_cut_but_counted(self):
        assert shorten(["a", "b"]) == "a, b"
        assert shorten([str(number) for number in range(1025)]).endswith("18, 19 … and 1,005 more")


class TestRefused:
    def test_nothing_there_says_what_to_put_where(self, tmp_path):
        with pytest.raises(
            UserError, match=r"data/simpsons/simpsons_dataset: no such folder. Put .*path=DIR"
        ) as caught:
            load(tmp_path / "in", path="")
        assert "annotation.txt" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_no_test_set(self, folder):
        shutil.rmtree(folder / "kaggle_simpson_testset")
        with pytest.raises(UserError, match="kaggle_simpson_testset: no such folder"):
            load(folder)

    def test_one_character(self, folder):
        shutil.rmtree(folder / "simpsons_dataset" / "lisa_simpson")
        with pytest.raises(UserError, match=r"holds 1 of the characters apu.*Put two or more"):
            load(folder)

    def test_a_character_that_is_not_there(self, folder):
        with pytest.raises(UserError, match="'lisa_simson'; did you mean 'lisa_simpson'"):
            load(folder, characters=("bart_simpson", "lisa_simson"))

    def test_broken_and_strange_files(self, folder):
        (folder / "simpsons_dataset" / "bart_simpson" / "pic_0002.jpg").write_text("no picture")
        picture(folder / "kaggle_simpson_testset" / "someone.jpg", BART)
        with pytest.raises(UserError, match=r"pic_0002.jpg: is no picture .*skip_broken=True"):
            load(folder)
        data = load(folder, skip_broken=True)
        assert len(data.skipped) == 2
        assert data.skipped[1].endswith("someone.jpg: is not called <character>_<number>")
        assert sum(len(part.ids) for part in data.splits.values()) == 13

    def test_a_character_without_tests(self, folder):
        for number in range(2):
            (folder / "kaggle_simpson_testset" / f"lisa_simpson_{number}.jpg").unlink()
        with pytest.raises(UserError, match="'lisa_simpson': has no picture in the split 'test'"):
            load(folder)
