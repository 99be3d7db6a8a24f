import os
import socket
import sys

import numpy as np
import pytest
from PIL import Image

from gv_jax.data import dataset, decode
from gv_jax.data.builders import DATASETS, ImageBuilder
from gv_jax.errors import UserError

SHAPE = {
    "size": (0, 0),
    "channels": 3,
    "resize_mode": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}
COMMON = {
    "skip_broken": False,
    "valid_fraction": 0.2,
    "test_fraction": 0.2,
    "split_seed": 0,
    "path": "",
}
COLOURS = {"cat": (250, 0, 9), "dog": (0, 200, 0)}


@pytest.fixture
def folder(tmp_path):
    """cat and dog, 10 pictures each; the first pixel holds the number of the picture."""
    for name, colour in COLOURS.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(10):
            picture = Image.new("RGB", (6, 4), colour)
            picture.putpixel((0, 0), (number, number, number))
            picture.save(tmp_path / "in" / name / f"{number}.png")
    return tmp_path / "in"


@pytest.fixture
def load(folder, tmp_path):
    def load(**changes):
        options = {**SHAPE, **COMMON, "path": str(folder), "group_pattern": "", **changes}
        return dataset.load_split_arrays("image_folder", **{"root": tmp_path / "data", **options})

    return load


@pytest.fixture
def nothing_decodes(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("decoded or prepared again")

    def forbid():
        for place, name in ((Image, "open"), (decode, "open_picture"), (ImageBuilder, "prepare")):
            monkeypatch.setattr(place, name, fail)

    return forbid


def check(data):
    """Every picture belongs to its id and label."""
    for split in data.splits.values():
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int32
        assert len(split.images) == len(split.labels) == len(split.ids)
        for image, label, name in zip(split.images, split.labels, split.ids, strict=True):
            kind, number = name.removesuffix(".png").split("/")
            assert data.classes[label] == kind
            assert image[0, 0].tolist() == [int(number)] * 3
            assert image[-1, -1].tolist() == list(COLOURS[kind])


class TestLoad:
    def test_pictures_labels_and_names(self, load):
        data = load()
        assert (data.name, data.classes, data.groups, data.skipped) == (
            "image_folder",
            ("cat", "dog"),
            {},
            (),
        )
        assert {split: len(part.ids) for split, part in data.splits.items()} == {
            "train": 12,
            "valid": 4,
            "test": 4,
        }
        assert data.splits["train"].images.shape == (12, 4, 6, 3)
        assert list(data.splits["train"].ids) == sorted(data.splits["train"].ids)
        check(data)

    def test_arrays_are_mapped_from_disk_and_cannot_be_changed(self, load):
        images = load().splits["train"].images
        assert isinstance(images, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            images[0] = 0

    def test_second_start_decodes_nothing(self, load, nothing_decodes):
        first = load()
        nothing_decodes()
        second = load()
        assert second.classes == first.classes
        for split in first.splits:
            assert np.array_equal(second.splits[split].images, first.splits[split].images)
            assert np.array_equal(second.splits[split].labels, first.splits[split].labels)
            assert second.splits[split].ids == first.splits[split].ids

    def test_size_channels_and_background(self, load, folder):
        for number in range(10):
            Image.new("RGBA", (5, 5), (1, 2, 3, 0)).save(folder / "cat" / f"{number}.png")
        data = load(size=(2, 3), channels=4, background=(7, 8, 9))
        assert data.splits["train"].images.shape == (12, 2, 3, 4)
        cats = data.splits["train"].images[data.splits["train"].labels == 0]
        assert (cats == (7, 8, 9, 0)).all()
        grey = load(size=(2, 3), channels=1, background=(100, 100, 100)).splits["train"]
        assert grey.images.shape == (12, 2, 3, 1)
        assert (grey.images[grey.labels == 0] == 100).all()

    @pytest.mark.parametrize(
        "change",
        [
            {"size": (3, 3)},
            {"channels": 4},
            {"size": (3, 3), "resize_mode": "pad"},
            {"size": (3, 3), "interpolation": "nearest"},
            {"background": (1, 1, 1)},
            {"split_seed": 1},
            {"test_fraction": 0.3},
        ],
    )
    def test_whatever_shapes_it_makes_another_cache(self, load, tmp_path, change):
        load()
        before = set(os.listdir(tmp_path / "data" / "cache"))
        load(**change)
        assert len(set(os.listdir(tmp_path / "data" / "cache")) - before) == 1

    def test_new_version_of_preprocessing_makes_another_cache(self, load, tmp_path, monkeypatch):
        load()
        monkeypatch.setattr(decode, "DECODE_VERSION", decode.DECODE_VERSION + 1)
        load()
        assert len(os.listdir(tmp_path / "data" / "cache")) == 2

    def test_changed_added_and_removed_files_are_noticed(self, load, folder):
        load()
        Image.new("RGB", (6, 4), (11, 22, 33)).save(folder / "cat" / "0.png")
        os.utime(folder / "cat" / "0.png", ns=(1, 1))
        pixels = {tuple(image[1, 1]) for split in load().splits.values() for image in split.images}
        assert (11, 22, 33) in pixels
        (folder / "cat" / "0.png").unlink()
        assert sum(len(split.ids) for split in load().splits.values()) == 19
        Image.new("RGB", (6, 4)).save(folder / "dog" / "new.png")
        assert "dog/new.png" in {name for split in load().splits.values() for name in split.ids}

    def test_skipped_files_are_listed_at_every_start(self, load, folder, nothing_decodes):
        (folder / "cat" / "bad.png").write_text("no picture")
        with pytest.raises(UserError, match=r"cat/bad.png: .*skip_broken=True"):
            load()
        first = load(skip_broken=True)
        assert len(first.skipped) == 1
        assert first.skipped[0].startswith(f"{folder}/cat/bad.png: ")
        check(first)
        nothing_decodes()
        assert load(skip_broken=True).skipped == first.skipped

    def test_native_size_must_be_one(self, load, folder):
        Image.new("RGB", (7, 9)).save(folder / "cat" / "0.png")
        with pytest.raises(UserError, match=r"cat/.*6x4 pixels.*--config.data.size") as caught:
            load()
        assert "7x9 pixels" in str(caught.value)
        assert load(size=(4, 4)).splits["train"].images.shape == (12, 4, 4, 3)

    def test_nothing_is_printed(self, load, capfd):
        load()
        assert capfd.readouterr() == ("", "")

    def test_no_network_and_no_tensorflow(self, load, monkeypatch):
        def refuse(*_, **__):
            raise AssertionError("asked the network")

        for name in ("connect", "connect_ex"):
            monkeypatch.setattr(socket.socket, name, refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        load()
        assert "tensorflow" not in sys.modules


class TestInterrupted:
    def test_while_decoding(self, load, tmp_path, monkeypatch):
        calls = []

        def stop(*args, real=decode.to_array, **options):
            calls.append(1)
            if len(calls) == 15:
                raise KeyboardInterrupt
            return real(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(decode, "to_array", stop)
            with pytest.raises(KeyboardInterrupt):
                load()
        assert os.listdir(tmp_path / "data" / "cache") == []
        check(load())

    def test_while_preparing(self, load, tmp_path, monkeypatch):
        calls = []

        def stop(path, real=decode.encode_for_storage):
            calls.append(1)
            if len(calls) == 15:
                raise KeyboardInterrupt
            return real(path)

        with monkeypatch.context() as patch:
            patch.setattr(decode, "encode_for_storage", stop)
            with pytest.raises(KeyboardInterrupt):
                load()
        assert not list((tmp_path / "data" / "prepared").rglob("*array_record*"))
        check(load())

    @pytest.mark.parametrize("name", ["meta.json", "train.npy", "valid_labels.npy"])
    def test_damaged_cache_is_made_again(self, load, tmp_path, name):
        load()
        (path,) = (tmp_path / "data" / "cache").glob(f"*/{name}")
        path.write_bytes(path.read_bytes()[:100])
        check(load())

    def test_left_over_of_a_killed_run_is_no_hindrance(self, load, tmp_path):
        load()
        (cache,) = (tmp_path / "data" / "cache").iterdir()
        cache.rename(cache.with_name(f".{cache.name}.{os.getpid()}"))
        check(load())

    def test_another_process_prepares_the_same_first(self, folder, tmp_path, monkeypatch):
        options = {**COMMON, "path": str(folder), "group_pattern": "", "root": tmp_path / "data"}
        first, second, third = (DATASETS["image_folder"](**options) for _ in range(3))
        second_writes = second._generate_splits

        def late(*args):
            infos = second_writes(*args)
            first.prepare()
            return infos

        monkeypatch.setattr(second, "_generate_splits", late)
        second.prepare()
        third.prepare()
        for builder in (first, second, third):
            assert [name for name, *_ in builder.examples("valid")] == [
                name for name, *_ in first.examples("valid")
            ]
            assert builder.info.splits["train"].num_examples == 12


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"size": (0, 9)}, "size"),
            ({"size": (-1, -1)}, "size"),
            ({"channels": 2}, "channels"),
            ({"resize_mode": "pat"}, "did you mean 'pad'"),
            ({"interpolation": "cubic"}, "did you mean 'bicubic'"),
            ({"background": (0, 256, 0)}, "background"),
            ({"background": (0, 0)}, "background"),
        ],
    )
    def test_arguments(self, load, change, match):
        with pytest.raises(UserError, match=match):
            load(**change)

    def test_unknown_data_set(self, tmp_path):
        with pytest.raises(UserError, match="did you mean 'dungeon_tiles'"):
            dataset.load_split_arrays("dungeon_tile", root=tmp_path, **SHAPE)
        with pytest.raises(UserError, match="image_folder"):
            dataset.class_names("images", root=tmp_path)

    def test_root_that_cannot_be_written(self, load, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(UserError, match=r"cannot keep prepared data.*--config.data.root"):
            load(root=tmp_path / "file")

    def test_disk_full(self, load, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(dataset.np.lib.format, "write_array_header_1_0", full)
        with pytest.raises(UserError, match="No space left"):
            load()


class TestClasses:
    def test_are_those_of_the_loaded_set(self, load, folder, tmp_path):
        options = {**COMMON, "path": str(folder), "group_pattern": ""}
        assert dataset.class_names("image_folder", root=tmp_path / "data", **options) == (
            "cat",
            "dog",
        )
        assert not (tmp_path / "data").exists()
