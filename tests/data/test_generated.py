"""Generated images in the training split, and folders that are not valid."""

import shutil

import numpy as np
import pytest
from PIL import Image

from gv_jax.config import default
from gv_jax.data.dataset import load_dataset
from gv_jax.data.generated import list_generated
from gv_jax.data.rows import LazyImages
from gv_jax.errors import UserError
from tests.data.cat_dog import ARRAYS, write_cat_dog

COUNT = 9  # generated images per class
BLUE = {"cat": 101, "dog": 102}


@pytest.fixture
def generated(tmp_path):
    """Generated images of 6x4 pixels, transparent at the right; the first pixel is the number."""
    folder = tmp_path / "generated"
    for name, blue in BLUE.items():
        (folder / name).mkdir(parents=True)
        for number in range(COUNT):
            pixels = np.full((4, 6, 4), (number, 0, blue, 255), np.uint8)
            pixels[:, -1, 3] = 0
            Image.fromarray(pixels).save(folder / name / f"{name}_0_{number}.png")
    (folder / "contact_sheet.png").write_text("not of a class")
    return folder


@pytest.fixture
def section(tmp_path, generated):
    """config.data for cats and dogs: 12 training images, 4 in valid and in test."""
    section = default.get_config().data
    section.update(
        name="image_folder",
        path=str(write_cat_dog(tmp_path / "in")),
        root=str(tmp_path / "data"),
        valid_fraction=0.2,
        test_fraction=0.2,
        **ARRAYS,
        crop_pct=1.0,
        generated=str(generated),
    )
    return section


def load(section, multi_label=False):
    return load_dataset(section, multi_label=multi_label)


def split_ids(split):
    """Ids of the data set and generated ones."""
    ids = list(split.ids)
    generated = [image_id for image_id in ids if image_id.startswith("generated/")]
    return [image_id for image_id in ids if image_id not in generated], generated


def test_only_the_training_split_grows(section):
    with_generated = load(section).splits
    section.generated = ""
    plain = load(section).splits
    for name in ("valid", "test"):
        assert with_generated[name].ids == plain[name].ids
        assert np.array_equal(with_generated[name].images, plain[name].images)
    train, count = with_generated["train"], len(plain["train"].ids)
    assert list(train.ids[:count]) == list(plain["train"].ids)
    assert np.array_equal(train.images[:count], plain["train"].images)
    assert np.array_equal(train.labels[:count], plain["train"].labels)
    assert train.labels.dtype == np.int32
    assert len(train.images) == len(train.labels) == len(train.hashes) == count + 2 * COUNT
    assert len(set(train.ids)) == len(train.ids)


@pytest.mark.parametrize("cache_mb", [1, 16384])
def test_pixels_are_those_of_images_of_the_data_set(section, generated, cache_mb):
    section.update(size=(5, 3), channels=4, background=(7, 8, 9), cache_mb=cache_mb)
    train = load(section).splits["train"]
    section.update(generated="", path=str(generated), valid_fraction=0.0, test_fraction=0.0)
    (generated / "contact_sheet.png").unlink()
    expected = load(section).splits["train"]
    rows = {image_id: row for row, image_id in enumerate(train.ids)}
    assert len(expected.ids) == 2 * COUNT
    for row, image_id in enumerate(expected.ids):
        own = rows[f"generated/{image_id}"]
        assert np.array_equal(train.images[own], expected.images[row])
        assert train.hashes[own] == expected.hashes[row]
        assert train.labels[own] == expected.labels[row]


@pytest.mark.parametrize(
    ("ratio", "counts"), [(0, [9, 9]), (0.5, [3, 3]), (0.25, [1, 2]), (1, [6, 6]), (5, [9, 9])]
)
def test_the_ratio_bounds_the_number_of_generated_images(section, ratio, counts):
    section.generated_ratio = float(ratio)
    _, ids = split_ids(load(section).splits["train"])
    assert [sum(f"/{name}/" in image_id for image_id in ids) for name in BLUE] == counts
    assert split_ids(load(section).splits["train"])[1] == ids
    section.generated_ratio = float(2 * ratio)
    if ratio:
        assert set(ids) <= set(split_ids(load(section).splits["train"])[1])


def test_a_ratio_is_of_the_fraction_that_is_used(section):
    section.update(train_fraction=0.5, generated_ratio=1.0)
    real, generated = split_ids(load(section).splits["train"])
    assert (len(real), len(generated)) == (6, 6)


def test_they_join_the_training_part_of_folds(section):
    section.folds = 3
    valid = []
    for fold in range(3):
        section.fold = fold
        splits = load(section).splits
        assert len(split_ids(splits["train"])[1]) == 2 * COUNT
        assert not split_ids(splits["valid"])[1]
        valid += splits["valid"].ids
    assert len(set(valid)) == 12


def test_multi_hot_labels(section, tmp_path):
    write_cat_dog(tmp_path / "covers")
    section.update(name="game_covers", path=str(tmp_path / "covers"), size=(4, 6))
    section.update(valid_fraction=0.0, test_fraction=0.0)
    train = load(section, multi_label=True).splits["train"]
    real, generated = split_ids(train)
    assert train.labels.dtype == np.float32
    assert train.labels[len(real) :].sum(0).tolist() == [COUNT, COUNT]
    for row, image_id in zip(train.labels[len(real) :], generated, strict=True):
        assert row.tolist() == [float("/cat/" in image_id), float("/dog/" in image_id)]


def test_with_images_that_are_read_on_demand(section, monkeypatch):
    expected = load(section).splits["train"]
    monkeypatch.setattr("gv_jax.data.rows.MAX_COPIED_BYTES", 0)
    train = load(section).splits["train"]
    assert isinstance(train.images, LazyImages)
    assert np.array_equal(train.images[::5], expected.images[::5])
    section.cache_mb = 0
    with pytest.raises(UserError, match=r"18 images .*config\.data\.cache_mb"):
        load(section)


def remove_folder(folder):
    shutil.rmtree(folder)


def remove_classes(folder):
    for name in BLUE:
        shutil.rmtree(folder / name)


def rename_class(folder):
    (folder / "dog").rename(folder / "dgo")


def empty_class(folder):
    for file in (folder / "cat").iterdir():
        file.rename(file.with_suffix(".txt"))


def damage(folder):
    file = folder / "cat" / "cat_0_3.png"
    file.write_bytes(file.read_bytes()[:40])


def enlarge(folder):
    Image.new("RGB", (7, 9)).save(folder / "cat" / "cat_0_3.png")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove_folder, ["config.data.generated=", "no such folder"]),
        (remove_classes, ["config.data.generated=", "class folders"]),
        (rename_class, ["'dgo'", "'dog'"]),
        (empty_class, ["'cat'", ".png"]),
        (damage, ["cat/cat_0_3.png"]),
        (enlarge, ["cat/cat_0_3.png", "7x9", "6x4"]),
    ],
)
def test_unusable_folders_are_one_line(section, generated, change, words):
    change(generated)
    with pytest.raises(UserError) as error:
        load(section)
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words)


def test_a_ratio_that_leaves_none(section):
    section.generated_ratio = 0.01
    with pytest.raises(UserError, match=r"config\.data\.generated_ratio=0\.01"):
        load(section)


def test_a_data_set_with_ids_of_generated_images(section, tmp_path):
    (tmp_path / "in" / "cat").rename(tmp_path / "in" / "generated")
    with pytest.raises(UserError, match="generated/"):
        load(section)


def test_a_section_of_a_run_without_these_fields(section):
    section.generated = ""
    recorded = section.to_dict()
    for name in ("train_fraction", "generated", "generated_ratio"):
        del recorded[name]
    assert load(recorded).splits["train"].ids == load(section).splits["train"].ids


def test_folders_have_the_names_that_the_command_gives_them(tmp_path):
    classes = ("a:b", "plain")
    for folder in ("a_b", "plain"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0.png").write_bytes(b"")
    files = list_generated(tmp_path, classes)
    assert [(file.id, file.label) for file in files] == [
        ("generated/a_b/0.png", 0),
        ("generated/plain/0.png", 1),
    ]
