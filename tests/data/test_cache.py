"""The cache of decoded arrays when it is interrupted, damaged or written by two processes."""

import os

import numpy as np
import pytest

from gv_jax.data import decode
from gv_jax.data.builders.registry import DATASETS
from gv_jax.data.cache import multi_hot
from tests.data.cat_dog import BUILDER, check_cat_dog, load_cat_dog, write_cat_dog


@pytest.fixture
def folder(tmp_path):
    return write_cat_dog(tmp_path / "in")


def interrupt_call(monkeypatch, name, call):
    """Raises KeyboardInterrupt in the call with this number of a function of `decode`."""
    original, calls = getattr(decode, name), []

    def replacement(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(decode, name, replacement)


def test_interrupted_while_decoding(folder, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_call(patch, "to_array", 15)
        with pytest.raises(KeyboardInterrupt):
            load_cat_dog(folder)
    assert os.listdir(tmp_path / "data" / "cache") == []
    check_cat_dog(load_cat_dog(folder))


def test_interrupted_while_preparing(folder, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_call(patch, "encode_for_storage", 15)
        with pytest.raises(KeyboardInterrupt):
            load_cat_dog(folder)
    assert not list((tmp_path / "data" / "prepared").rglob("*array_record*"))
    check_cat_dog(load_cat_dog(folder))


@pytest.mark.parametrize("name", ["meta.json", "train.npy", "valid_labels.npy"])
def test_a_damaged_cache_is_written_again(folder, tmp_path, name):
    load_cat_dog(folder)
    (path,) = (tmp_path / "data" / "cache").glob(f"*/{name}")
    path.write_bytes(path.read_bytes()[:100])
    check_cat_dog(load_cat_dog(folder))


def test_the_unfinished_folder_of_a_killed_process_is_reused(folder, tmp_path):
    load_cat_dog(folder)
    (cache,) = (tmp_path / "data" / "cache").iterdir()
    cache.rename(cache.with_name(f".{cache.name}.{os.getpid()}"))
    check_cat_dog(load_cat_dog(folder))


def test_another_process_prepares_the_same_data_set_first(folder, tmp_path, monkeypatch):
    kwargs = {"root": tmp_path / "data", "path": str(folder), **BUILDER}
    first, second, third = (DATASETS["image_folder"](**kwargs) for _ in range(3))
    generate_splits = second._generate_splits

    def generate_late(*args):
        infos = generate_splits(*args)
        first.prepare()
        return infos

    monkeypatch.setattr(second, "_generate_splits", generate_late)
    second.prepare()
    third.prepare()
    expected = [image_id for image_id, *_ in first.examples("valid")]
    for builder in (first, second, third):
        assert [image_id for image_id, *_ in builder.examples("valid")] == expected
        assert builder.info.splits["train"].num_examples == 12


def test_multi_hot_labels():
    class Builder:
        classes = ("a", "b", "c")
        extra_labels = {"x": [2], "z": [0, 1]}  # noqa: RUF012 - declared as in ImageBuilder

    rows = multi_hot(Builder(), ["x", "y", "z"], [0, 1, 2])
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[1, 0, 1], [0, 1, 0], [1, 1, 1]])
