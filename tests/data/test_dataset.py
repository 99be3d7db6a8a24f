"""Loading a folder: arrays, cache keys, folds, and arguments that are not valid."""

import os
import socket
import sys

import numpy as np
import pytest
from PIL import Image

from gv_jax.config import default
from gv_jax.data import dataset, decode
from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.builders.registry import DATASETS
from gv_jax.data.transforms import output_size
from gv_jax.errors import UserError
from tests.data.cat_dog import ARRAYS, BUILDER, check_cat_dog, load_cat_dog, write_cat_dog


@pytest.fixture
def folder(tmp_path):
    return write_cat_dog(tmp_path / "in")


@pytest.fixture
def load(folder):
    return lambda **changes: load_cat_dog(folder, **changes)


@pytest.fixture
def forbid_decoding(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("decoded or prepared again")

    def forbid():
        monkeypatch.setattr(Image, "open", fail)
        monkeypatch.setattr(decode, "open_image", fail)
        monkeypatch.setattr(ImageBuilder, "prepare", fail)

    return forbid


def list_caches(tmp_path):
    return set(os.listdir(tmp_path / "data" / "cache"))


class TestLoad:
    def test_images_labels_and_ids(self, load):
        data = load()
        assert data.name == "image_folder"
        assert data.classes == ("cat", "dog")
        assert (data.groups, data.skipped, data.warnings) == ({}, (), ())
        counts = {split: len(arrays.ids) for split, arrays in data.splits.items()}
        assert counts == {"train": 12, "valid": 4, "test": 4}
        assert data.splits["train"].images.shape == (12, 4, 6, 3)
        assert list(data.splits["train"].ids) == sorted(data.splits["train"].ids)
        check_cat_dog(data)

    def test_arrays_are_memory_mapped_and_read_only(self, load):
        images = load().splits["train"].images
        assert isinstance(images, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            images[0] = 0

    def test_the_second_call_decodes_nothing(self, load, forbid_decoding):
        first = load()
        forbid_decoding()
        second = load()
        assert second.classes == first.classes
        for split in first.splits:
            assert np.array_equal(second.splits[split].images, first.splits[split].images)
            assert np.array_equal(second.splits[split].labels, first.splits[split].labels)
            assert second.splits[split].ids == first.splits[split].ids

    def test_size_channels_and_background(self, load, folder):
        for number in range(10):
            Image.new("RGBA", (5, 5), (1, 2, 3, 0)).save(folder / "cat" / f"{number}.png")
        train = load(size=(2, 3), channels=4, background=(7, 8, 9)).splits["train"]
        assert train.images.shape == (12, 2, 3, 4)
        assert (train.images[train.labels == 0] == (7, 8, 9, 0)).all()
        gray = load(size=(2, 3), channels=1, background=(100, 100, 100)).splits["train"]
        assert gray.images.shape == (12, 2, 3, 1)
        assert (gray.images[gray.labels == 0] == 100).all()

    def test_arguments_that_determine_the_pixels_have_caches_of_their_own(self, load, tmp_path):
        load()
        for change in (
            {"size": (3, 3)},
            {"channels": 4},
            {"size": (3, 3), "resize_mode": "pad"},
            {"size": (3, 3), "interpolation": "nearest"},
            {"background": (1, 1, 1)},
            {"crop_pct": 0.5},
            {"split_seed": 1},
            {"test_fraction": 0.3},
        ):
            before = list_caches(tmp_path)
            load(**change)
            assert len(list_caches(tmp_path) - before) == 1, change

    def test_a_new_version_of_decoding_has_a_new_cache(self, load, tmp_path, monkeypatch):
        load()
        monkeypatch.setattr(decode, "DECODE_VERSION", decode.DECODE_VERSION + 1)
        load()
        assert len(list_caches(tmp_path)) == 2

    def test_changed_added_and_removed_files_are_noticed(self, load, folder):
        load()
        Image.new("RGB", (6, 4), (11, 22, 33)).save(folder / "cat" / "0.png")
        os.utime(folder / "cat" / "0.png", ns=(1, 1))
        images = np.concatenate([split.images for split in load().splits.values()])
        assert (images[:, 1, 1] == (11, 22, 33)).all(axis=-1).any()
        (folder / "cat" / "0.png").unlink()
        assert sum(len(split.ids) for split in load().splits.values()) == 19
        Image.new("RGB", (6, 4)).save(folder / "dog" / "new.png")
        assert any("dog/new.png" in split.ids for split in load().splits.values())

    def test_skipped_files_are_listed_on_every_call(self, load, folder, forbid_decoding):
        (folder / "cat" / "bad.png").write_text("not an image")
        with pytest.raises(UserError, match=r"cat/bad.png: .*config\.data\.skip_broken"):
            load()
        first = load(skip_broken=True)
        assert len(first.skipped) == 1
        assert first.skipped[0].startswith(f"{folder}/cat/bad.png: ")
        check_cat_dog(first)
        forbid_decoding()
        assert load(skip_broken=True).skipped == first.skipped

    def test_images_of_unchanged_size_must_have_one_size(self, load, folder):
        Image.new("RGB", (7, 9)).save(folder / "cat" / "0.png")
        with pytest.raises(UserError, match=r"cat/.*6x4.*config\.data\.size") as caught:
            load()
        assert "7x9" in str(caught.value)
        assert load(size=(4, 4)).splits["train"].images.shape == (12, 4, 4, 3)

    def test_nothing_is_printed(self, load, capfd):
        load()
        assert capfd.readouterr() == ("", "")

    def test_no_network_and_no_tensorflow(self, load, monkeypatch):
        def refuse(*_, **__):
            raise AssertionError("network access")

        for name in ("connect", "connect_ex"):
            monkeypatch.setattr(socket.socket, name, refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        load()
        assert "tensorflow" not in sys.modules


@pytest.fixture
def section(folder, tmp_path):
    """config.data for the folder, an ml_collections section."""
    section = default.get_config().data
    section.update(
        name="image_folder",
        path=str(folder),
        root=str(tmp_path / "data"),
        valid_fraction=0.2,
        test_fraction=0.2,
        **ARRAYS,
        crop_pct=1.0,
    )
    return section


class TestSection:
    def test_a_section_and_a_mapping_load_the_same_arrays(self, section, load):
        data = dataset.load_dataset(section, multi_label=False)
        check_cat_dog(data)
        again = dataset.load_dataset(section.to_dict(), multi_label=False)
        assert again.splits["train"].ids == data.splits["train"].ids == load().splits["train"].ids

    def test_folds_divide_the_training_split(self, section):
        train = dataset.load_dataset(section, multi_label=False).splits["train"]
        section.folds = 3
        valid_ids = []
        for fold in range(3):
            section.fold = fold
            data = dataset.load_dataset(section, multi_label=False)
            check_cat_dog(data)
            assert set(data.splits) == {"train", "valid"}
            ids = {split: set(arrays.ids) for split, arrays in data.splits.items()}
            assert ids["train"] | ids["valid"] == set(train.ids)
            valid_ids += ids["valid"]
        assert sorted(valid_ids) == sorted(train.ids)

    def test_prepare_builder_stores_the_original_images(self, section):
        section.size = (1, 1)
        builder = dataset.prepare_builder(section)
        assert builder.load_image("train", 0).size == (6, 4)
        assert builder.info.splits["train"].num_examples == 12

    def test_output_size(self, section):
        section.size = (6, 8)
        assert output_size(section) == (6, 8)
        section.preprocess = "super_resolution"
        assert output_size(section) == (12, 16)

    def test_class_names_without_preparing(self, section, tmp_path):
        kwargs = dataset.builder_kwargs(section)
        assert dataset.class_names("image_folder", **kwargs) == ("cat", "dog")
        assert not (tmp_path / "data").exists()


class TestErrors:
    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"size": (0, 9)}, r"config\.data\.size=\(0, 9\)"),
            ({"size": (-1, -1)}, r"config\.data\.size=\(-1, -1\)"),
            ({"channels": 2}, r"config\.data\.channels=2"),
            ({"resize_mode": "pat"}, r"config\.data\.resize_mode.*'pat'.*'pad'"),
            ({"interpolation": "cubic"}, r"config\.data\.interpolation.*'cubic'.*'bicubic'"),
            ({"background": (0, 256, 0)}, r"config\.data\.background=\(0, 256, 0\)"),
            ({"background": (0, 0)}, r"config\.data\.background=\(0, 0\)"),
            ({"multi_label": True}, r"config\.data\.name=image_folder .*game_covers"),
        ],
    )
    def test_arguments(self, load, change, match):
        with pytest.raises(UserError, match=match):
            load(**change)

    def test_unknown_data_set(self, tmp_path):
        with pytest.raises(UserError, match=r"'dungeon_tile'.*'dungeon_tiles'"):
            dataset.load_split_arrays("dungeon_tile", root=tmp_path, **ARRAYS)
        with pytest.raises(UserError, match=", ".join(sorted(DATASETS))):
            dataset.class_names("images", root=tmp_path)

    def test_root_that_cannot_be_written(self, load, section, tmp_path):
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(UserError, match=rf"{tmp_path}/file: .*config\.data\.root"):
            load(root=tmp_path / "file")
        section.root = str(tmp_path / "file")
        with pytest.raises(UserError, match=rf"{tmp_path}/file: .*config\.data\.root"):
            dataset.prepare_builder(section)

    @pytest.mark.parametrize("kind", [OSError, RuntimeError])
    def test_full_disk(self, load, monkeypatch, kind):
        def fail(*_):
            if kind is OSError:
                raise OSError(28, "No space left on device")
            raise kind("cannot append a record: No space left on device")  # a native library

        monkeypatch.setattr(np.lib.format, "write_array_header_1_0", fail)
        with pytest.raises(UserError, match=r"No space left on device.*config\.data\.root"):
            load()

    def test_other_errors_of_the_cache_are_not_explained(self, load, monkeypatch):
        def fail(*_):
            raise RuntimeError("a defect")

        monkeypatch.setattr(np.lib.format, "write_array_header_1_0", fail)
        with pytest.raises(RuntimeError, match="a defect"):
            load()


def test_builder_arguments_of_the_config_are_those_of_the_builder(section, folder):
    """The builder of the config prepares the same data set as one made by hand."""
    by_hand = DATASETS["image_folder"](root=folder.parent / "data", path=str(folder), **BUILDER)
    assert dataset.prepare_builder(section).fingerprint == by_hand.fingerprint
