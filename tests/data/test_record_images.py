"""Data sets that are decoded when they are read: the same images as from the decoded cache."""

from types import SimpleNamespace

import numpy as np
import pytest
from tensorflow_datasets.core.data_sources.base import BaseDataSource

from gv_jax import distributed
from gv_jax.config import default
from gv_jax.data import audit, dataset
from gv_jax.data.rows import LazyImages
from gv_jax.errors import UserError
from tests.data.cat_dog import check_cat_dog, load_cat_dog, write_cat_dog


@pytest.fixture
def folder(tmp_path):
    return write_cat_dog(tmp_path / "in")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"size": (5, 5), "channels": 4, "resize_mode": "pad"},
        {"multi_label": False, "crop_pct": 0.5, "size": (2, 2)},
    ],
)
def test_images_and_all_else_are_those_of_the_decoded_cache(folder, changes):
    expected = load_cat_dog(folder, **changes)
    for _ in range(2):  # written, then read
        data = load_cat_dog(folder, cache_mb=0, **changes)
        for name, split in data.splits.items():
            wanted = expected.splits[name]
            assert isinstance(split.images, LazyImages)
            assert (split.ids, split.hashes) == (wanted.ids, wanted.hashes)
            np.testing.assert_array_equal(split.labels, wanted.labels)
            np.testing.assert_array_equal(np.asarray(split.images), wanted.images)


def test_records_of_dropped_images_are_passed_over(folder, monkeypatch):
    everything = load_cat_dog(folder).splits["train"]
    leaked = frozenset([everything.ids[0], everything.ids[4], everything.ids[11]])
    monkeypatch.setattr(audit, "audit_dataset", lambda builder: SimpleNamespace(leaked=leaked))
    train = load_cat_dog(folder, cache_mb=0, drop_leaks=True).splits["train"]
    kept = [index for index, name in enumerate(everything.ids) if name not in leaked]
    assert train.ids == tuple(everything.ids[index] for index in kept)
    np.testing.assert_array_equal(np.asarray(train.images), everything.images[kept])


def test_decoded_images_are_not_stored(folder, tmp_path):
    check_cat_dog(load_cat_dog(folder, cache_mb=0))
    files = {file.name for file in (tmp_path / "data" / "cache").rglob("*.npy")}
    assert files == {
        f"{s}_{n}.npy" for s in ("train", "valid", "test") for n in ("labels", "records")
    }


def test_the_bound_decides_at_every_call(folder):
    kinds = [
        isinstance(load_cat_dog(folder, cache_mb=cache_mb).splits["train"].images, LazyImages)
        for cache_mb in (1, 0, 1, 0)
    ]
    assert kinds == [False, True, False, True]


def test_folds_of_images_that_are_not_stored(folder, tmp_path):
    section = default.data()
    section.update(
        name="image_folder",
        path=str(folder),
        root=str(tmp_path / "data"),
        size=(0, 0),
        channels=3,
        interpolation="box",
        folds=3,
        fold=1,
        crop_pct=1.0,
    )
    expected, data = (
        dataset.load_dataset({**section, "cache_mb": cache_mb}, multi_label=False)
        for cache_mb in (1, 0)
    )
    for name in ("train", "valid"):
        np.testing.assert_array_equal(data.splits[name].images, expected.splits[name].images)


@pytest.mark.parametrize("threads", [0, 1, 4])
@pytest.mark.parametrize("cache_mb", [0, 1])
def test_batches_are_the_same_for_any_storage_and_number_of_threads(folder, threads, cache_mb):
    train = load_cat_dog(folder, cache_mb=cache_mb).splits["train"]
    arrays = {"image": train.images, "label": train.labels}
    mesh = distributed.data_mesh()
    reader = distributed.make_batch_reader(arrays, mesh, 0, threads=threads, prefetch=2)
    resident = distributed.make_batch_reader(arrays, mesh, 2**20)
    indices = [np.array(rows, np.int32) for rows in ([3, 1, 1, 0], [11, 10, 2, 5], [6, 7, 8, 9])]
    for batch, rows in zip(reader.stream(indices), indices, strict=True):
        expected = resident(rows)
        np.testing.assert_array_equal(batch["image"], expected["image"])
        np.testing.assert_array_equal(batch["label"], expected["label"])


def test_a_batch_is_one_read(folder, monkeypatch):
    images = load_cat_dog(folder, cache_mb=0).splits["train"].images
    expected = images[np.arange(6)]
    calls, read = [], BaseDataSource.__getitems__
    monkeypatch.setattr(
        BaseDataSource, "__getitems__", lambda self, rows: calls.append(rows) or read(self, rows)
    )
    order = [4, 0, 5, 1]
    np.testing.assert_array_equal(images[np.array(order)], expected[order])
    assert calls == [[0, 1, 4, 5]]


@pytest.mark.parametrize("threads", [0, 4])
def test_a_damaged_record_is_one_line_that_names_folder_and_image(folder, tmp_path, threads):
    data = load_cat_dog(folder, cache_mb=0)
    record_file = next((tmp_path / "data" / "prepared").rglob("*-train.array_record*"))
    content = bytearray(record_file.read_bytes())
    start = content.find(b"IDAT")  # of the first image
    content[start : start + 20] = bytes(20)
    record_file.write_bytes(content)
    train = load_cat_dog(folder, cache_mb=0).splits["train"]
    assert len(train.ids) == len(data.splits["train"].ids)
    reader = distributed.make_batch_reader(
        {"image": train.images}, distributed.data_mesh(), 0, threads=threads, prefetch=2
    )
    with pytest.raises(UserError) as caught:
        list(reader.stream([np.arange(6, dtype=np.int32), np.arange(6, 12, dtype=np.int32)]))
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert str(record_file.parent) in message
    assert "'train'" in message
    assert train.ids[0] in message or "record 0" in message
