"""Stored features: read back by image, whatever happened to the files meanwhile."""

import os
import threading

import numpy as np
import pytest

from gv_jax.training.feature_cache import MIB, FeatureCache, hash_images, hash_weights

KEY = {"maps": "all"}


def make_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 5, 3), dtype=np.uint8)


def make_cache(folder, max_mb=10, **key):
    return FeatureCache(folder, {**KEY, **key}, width=3, max_mb=max_mb)


def rows_of(images):
    return images[:, 0, 0].astype(np.float32) / 7


def fill(cache, images):
    cache.write(hash_images(images), rows_of(images))


def test_only_new_images_are_missing(tmp_path):
    images = make_images(6)
    fill(make_cache(tmp_path), images[:2])
    fill(make_cache(tmp_path), images[3:5])
    rows, found = make_cache(tmp_path).read(hash_images(images[::-1]))
    assert found.tolist() == [False, True, True, False, True, True]
    np.testing.assert_array_equal(rows[found], rows_of(images)[::-1][found])


def test_a_bound_of_0_deletes_nothing(tmp_path):
    images = make_images(2)
    fill(make_cache(tmp_path, maps="last"), images)
    off = make_cache(tmp_path, max_mb=0)
    fill(off, images)
    off.prune()
    assert not off.read(hash_images(images))[1].any()
    assert make_cache(tmp_path, maps="last").read(hash_images(images))[1].all()


def test_repeated_images_are_all_found(tmp_path):
    images = make_images(2)[[0, 1, 0, 0]]
    fill(make_cache(tmp_path), images)
    rows, found = make_cache(tmp_path).read(hash_images(images))
    assert found.all()
    np.testing.assert_array_equal(rows, rows_of(images))


@pytest.mark.parametrize("change", [{"maps": "stem"}, {"flip": True}])
def test_other_keys_have_other_features(tmp_path, change):
    images = make_images(2)
    fill(make_cache(tmp_path), images)
    assert not make_cache(tmp_path, **change).read(hash_images(images))[1].any()


def test_images_of_one_content_and_another_shape_differ():
    images = make_images(3)
    assert len({*hash_images(images), *hash_images(images.reshape(3, 5, 4, 3))}) == 6


def test_weights_differ_by_name_and_by_value():
    array = np.arange(4, dtype=np.float32)
    hashes = {hash_weights(tree) for tree in ({"a": array}, {"b": array}, {"a": array + 1})}
    assert len(hashes) == 3
    assert hash_weights({"a": array.copy()}) in hashes


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other"])
def test_a_damaged_file_is_computed_again(tmp_path, damage):
    images, cache = make_images(4), make_cache(tmp_path)
    fill(cache, images[:2])
    (file,) = cache.folder.glob("*.npy")
    content = file.read_bytes()
    if damage == "other":
        np.save(file, np.zeros(3))
    else:
        file.write_bytes({"cut": content[:-5], "empty": b"", "text": b"hello"}[damage])
    fill(cache, images[2:])
    _, found = make_cache(tmp_path).read(hash_images(images))
    assert found.tolist() == [False, False, True, True]
    fill(cache, images[:2])
    assert make_cache(tmp_path).read(hash_images(images))[1].all()


def test_a_part_of_a_file_is_not_read(tmp_path):
    images, cache = make_images(2), make_cache(tmp_path)
    fill(cache, images)
    (file,) = cache.folder.glob("*.npy")
    file.rename(file.with_name(".0123.partial"))
    assert not cache.read(hash_images(images))[1].any()


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    images = make_images(40)
    threads = [
        threading.Thread(target=fill, args=(make_cache(tmp_path), images[start : start + 10]))
        for start in range(0, 40, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows, found = make_cache(tmp_path).read(hash_images(images))
    assert found.all()
    np.testing.assert_array_equal(rows, rows_of(images))


def test_the_least_recently_used_network_is_deleted_first(tmp_path):
    images = make_images(2)
    caches = [make_cache(tmp_path, max_mb=3, maps=name) for name in "abc"]
    for age, cache in enumerate(caches):
        fill(cache, images)
        (cache.folder / "filler.npy").write_bytes(bytes(MIB + 1))
        os.utime(cache.folder, (age, age))
    caches[0].read(hash_images(images))  # is used now; its filler is damaged and removed
    (caches[0].folder / "filler.npy").write_bytes(bytes(MIB + 1))
    caches[2].prune()
    assert [cache.folder.exists() for cache in caches] == [True, False, True]


@pytest.mark.parametrize("max_mb", [0, 1])
def test_more_than_the_bound_is_not_stored(tmp_path, max_mb):
    images, cache = make_images(2), make_cache(tmp_path, max_mb=max_mb)
    cache.folder.mkdir(parents=True)
    (cache.folder / "filler").write_bytes(bytes(MIB))
    fill(cache, images)
    assert not cache.read(hash_images(images))[1].any()
    assert len(list(cache.folder.iterdir())) == 1


def test_a_full_disk_costs_no_run(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    cache = make_cache(tmp_path)
    fill(cache, make_images(2))
    assert list(cache.folder.iterdir()) == []
