import json
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from gv_jax.data import dataset
from gv_jax.data.builders import base
from gv_jax.data.builders.base import Example, ImageBuilder
from gv_jax.data.builders.registry import DATASETS
from gv_jax.data.builders.storage import silence_logging
from gv_jax.errors import UserError

SHAPE = {
    "size": (0, 0),
    "channels": 4,
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


class Numbers(ImageBuilder, skip_registration=True):
    """300 generated images in an order that no sorting would give."""

    name = "numbers"
    VERSION = tfds.core.Version("1.0.0")
    classes = ("even", "odd")
    groups = {"even": "all", "odd": "all"}  # noqa: RUF012 - declared as in ImageBuilder

    def __init__(self, **options):
        super().__init__(fingerprint_fields={}, **options)

    def generate(self):
        order = [(7 * number) % 300 for number in range(300)]
        self.skipped.append("one: for the test")
        self.warnings.append("two: for the test")
        self.extra_labels["n7"] = [0]
        self.report = {"classes": [{"class": "even"}]}
        return {
            "train": (
                Example(f"n{n}", n % 2, Image.new("RGB", (3, 2), (n % 256, n // 256, 0)))
                for n in order
            ),
            "test": [Example("only", 0, Image.new("LA", (3, 2), (5, 6)))],
        }


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS, "numbers", Numbers)
    return dataset.load_split_arrays("numbers", root=tmp_path / "data", **SHAPE, **COMMON)


def test_order_is_kept(data):
    train = data.splits["train"]
    expected = [(7 * number) % 300 for number in range(300)]
    assert list(train.ids) == [f"n{number}" for number in expected]
    values = train.images[:, 0, 0].astype(int)
    assert (values[:, 0] + 256 * values[:, 1]).tolist() == expected


def test_groups_splits_skipped_and_warnings_are_loaded(data):
    assert data.groups == {"even": "all", "odd": "all"}
    assert data.skipped == ("one: for the test",)
    assert data.warnings == ("two: for the test",)
    assert list(data.splits) == ["train", "test"]
    assert data.splits["test"].images[0, 0, 0].tolist() == [5, 5, 5, 6]


def test_a_prepared_builder_restores_what_it_stored(data, tmp_path):
    builder = Numbers(root=tmp_path / "data", **COMMON)
    builder.prepare()
    assert (builder.skipped, builder.warnings) == (["one: for the test"], ["two: for the test"])
    assert builder.extra_labels == {"n7": [0]}
    assert json.loads((builder.data_path / "report.json").read_text()) == builder.report
    assert builder.load_image("train", 1).getpixel((0, 0)) == (7, 0, 0)
    assert [image_id for image_id, *_ in builder.examples("test")] == ["only"]


@pytest.mark.parametrize(("read_bytes", "calls"), [(2**23, 3), (1, 300)])
def test_stored_examples_are_read_in_blocks(data, tmp_path, monkeypatch, read_bytes, calls):
    """A call takes as long as the data set is large, so that one per image would be quadratic."""
    builder = Numbers(root=tmp_path / "data", **COMMON)
    builder.prepare()
    source, blocks = builder.read_source("train"), []

    class Blocks:
        def __getitems__(self, rows):
            blocks.append(len(rows))
            return source.__getitems__(rows)

    monkeypatch.setattr(base, "MAX_READ", 128)
    monkeypatch.setattr(base, "READ_BYTES", read_bytes)
    monkeypatch.setattr(builder, "read_source", lambda split: Blocks())
    ids = [image_id for image_id, *_ in builder.examples("train")]
    assert ids == [f"n{(7 * number) % 300}" for number in range(300)]
    assert len(blocks) == calls


def test_tfds_reads_the_prepared_data_set(data, tmp_path, capfd):
    (info,) = (tmp_path / "data" / "prepared").rglob("dataset_info.json")
    assert json.loads(info.read_text())["fileFormat"] == "array_record"
    builder = tfds.builder_from_directory(info.parent)
    with silence_logging():
        source = builder.as_data_source(split="train")
        example = source[1]
    assert len(source) == 300
    assert example["id"] == b"n7"
    assert example["label"] == 1
    assert np.array_equal(example["image"], np.full((2, 3, 3), (7, 0, 0)))
    assert example["box"].tolist() == [0, 0, 0, 0]
    assert "OpenCV" not in capfd.readouterr().err


def test_the_fingerprint_depends_on_the_features(tmp_path, monkeypatch):
    before = Numbers(root=tmp_path, **COMMON).fingerprint
    fewer = {name: feature for name, feature in base.FEATURES.items() if name != "box"}
    monkeypatch.setattr(base, "FEATURES", tfds.features.FeaturesDict(fewer))
    assert Numbers(root=tmp_path, **COMMON).fingerprint != before


def test_a_split_without_images(tmp_path, monkeypatch):
    monkeypatch.setattr(Numbers, "generate", lambda self: {"train": []})
    with pytest.raises(UserError, match="split 'train'"):
        Numbers(root=tmp_path / "data", **COMMON).prepare()


def test_no_temporary_folder_is_left_behind(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    Numbers(root=tmp_path / "data", **COMMON).prepare()
    assert list((tmp_path / "temporary").iterdir()) == []
