import json
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from gv_jax.data import dataset
from gv_jax.data.builders import DATASETS, ImageBuilder, base
from gv_jax.data.builders.base import Example
from gv_jax.errors import UserError

SHAPE = {
    "size": (0, 0),
    "channels": 4,
    "fit": "stretch",
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
    """Made here, not read: 300 greys in an order that no sorting would give."""

    name = "numbers"
    VERSION = tfds.core.Version("1.0.0")
    classes = ("even", "odd")
    groups = {"even": "all", "odd": "all"}  # noqa: RUF012 - as a builder has it

    def __init__(self, **options):
        super().__init__(shaped_by={}, **options)

    def pictures(self):
        order = [(7 * number) % 300 for number in range(300)]
        self.skipped.append("one: for the test")
        self.remarks.append("two: for the test")
        return {
            "train": (
                Example(f"n{n}", n % 2, Image.new("RGB", (3, 2), (n % 256, n // 256, 0)))
                for n in order
            ),
            "test": [Example("only", 0, Image.new("LA", (3, 2), (5, 6)))],
        }


class TestPictureBuilder:
    @pytest.fixture
    def data(self, tmp_path, monkeypatch):
        monkeypatch.setitem(DATASETS, "numbers", Numbers)
        return dataset.load_split_arrays("numbers", root=tmp_path / "data", **SHAPE, **COMMON)

    def test_order_is_kept(self, data):
        train = data.splits["train"]
        assert list(train.ids) == [f"n{(7 * number) % 300}" for number in range(300)]
        values = train.images[:, 0, 0].astype(int)
        assert (values[:, 0] + 256 * values[:, 1]).tolist() == [
            (7 * number) % 300 for number in range(300)
        ]

    def test_groups_splits_and_skipped_come_through(self, data):
        assert data.groups == {"even": "all", "odd": "all"}
        assert data.skipped == ("one: for the test",)
        assert data.remarks == ("two: for the test",)
        assert list(data.splits) == ["train", "test"]
        assert data.splits["test"].images[0, 0, 0].tolist() == [5, 5, 5, 6]

    def test_prepared_set_is_one_that_tfds_reads(self, data, tmp_path, capfd):
        (info,) = (tmp_path / "data" / "prepared").rglob("dataset_info.json")
        assert json.loads(info.read_text())["fileFormat"] == "array_record"
        builder = tfds.builder_from_directory(info.parent)
        with base.silence_logging():
            source = builder.as_data_source(split="train")
            example = source[1]
        assert len(source) == 300
        assert example["id"] == b"n7"
        assert example["label"] == 1
        assert np.array_equal(example["image"], np.full((2, 3, 3), (7, 0, 0)))
        assert example["box"].tolist() == [0, 0, 0, 0]
        assert "OpenCV" not in capfd.readouterr().err

    def test_other_features_make_another_set(self, tmp_path, monkeypatch):
        before = Numbers(root=tmp_path, **COMMON).fingerprint
        fewer = {name: feature for name, feature in base.FEATURES.items() if name != "box"}
        monkeypatch.setattr(base, "FEATURES", tfds.features.FeaturesDict(fewer))
        assert Numbers(root=tmp_path, **COMMON).fingerprint != before

    def test_split_without_pictures(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Numbers, "pictures", lambda self: {"train": []})
        with pytest.raises(UserError, match="no picture is left for the split 'train'"):
            Numbers(root=tmp_path / "data", **COMMON).prepare()

    def test_no_temporary_folder_is_left_behind(self, tmp_path, monkeypatch):
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        Numbers(root=tmp_path / "data", **COMMON).prepare()
        assert list((tmp_path / "temporary").iterdir()) == []
