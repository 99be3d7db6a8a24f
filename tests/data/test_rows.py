"""Rows that are read when they are indexed: equal to those of the array in memory."""

import mmap

import numpy as np
import pytest

from gv_jax.data import rows as rows_module
from gv_jax.data.rows import LazyImages, join_images, read_rows, select_images
from gv_jax.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 3, 2, 4), np.uint8)
MASK = np.arange(12) % 3 == 1


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    return np.load(tmp_path / "images.npy", mmap_mode="r")


def read_lazily(rows=None):
    return LazyImages(
        lambda index: IMAGES[index], np.arange(12) if rows is None else rows, (3, 2, 4)
    )


INDICES = [[3, 3, 0], [11], [5, 4, 3, 2, 1, 0], list(range(12)), []]


@pytest.mark.parametrize("indices", INDICES)
def test_rows_of_a_file_are_those_of_the_array(mapped, indices):
    indices = np.array(indices, np.int32)
    expected = IMAGES[indices]
    for array in (mapped, mapped[:], IMAGES, read_lazily()):
        read = read_rows(array, indices)
        np.testing.assert_array_equal(read, expected)
        assert not isinstance(read.base, mmap.mmap)


@pytest.mark.parametrize("view", [np.s_[2:], np.s_[::2], np.s_[:, ::-1]])
def test_views_of_a_file_have_the_rows_of_the_view(mapped, view):
    indices = np.array([4, 0, 1])
    np.testing.assert_array_equal(read_rows(mapped[view], indices), IMAGES[view][indices])


def test_a_file_that_was_removed_is_read_from_its_map(mapped, tmp_path):
    (tmp_path / "images.npy").unlink()
    np.testing.assert_array_equal(read_rows(mapped, np.array([7, 1])), IMAGES[[7, 1]])


def test_a_file_that_is_cut_short_is_named(mapped, tmp_path):
    file = tmp_path / "images.npy"
    file.write_bytes(file.read_bytes()[:-1])
    np.testing.assert_array_equal(read_rows(mapped, np.array([0])), IMAGES[:1])
    with pytest.raises(UserError, match=r"images\.npy"):
        read_rows(mapped, np.array([11]))


@pytest.mark.parametrize(
    "key",
    [
        *(0, -1, np.int64(3), [2, 2, 9], np.array([5, 0]), MASK, slice(None), slice(1, 9, 3)),
        *((slice(None), 0, 0), (4, slice(None), 1), ([1, 2], Ellipsis, 3)),
    ],
)
def test_lazy_images_are_indexed_like_an_array(key):
    np.testing.assert_array_equal(np.asarray(read_lazily()[key]), IMAGES[key])


def test_lazy_images_have_the_attributes_of_an_array():
    images = read_lazily(np.array([3, 1]))
    np.testing.assert_array_equal(np.stack(list(images)), IMAGES[[3, 1]])
    assert (len(images), images.shape, images.ndim, images.dtype) == (2, (2, 3, 2, 4), 4, np.uint8)
    assert images.nbytes == images.size == 2 * 24


def test_slices_and_selections_of_lazy_images_are_not_read():
    def fail(rows):
        raise AssertionError("read")

    images = LazyImages(fail, np.arange(12), (3, 2, 4))
    assert images[2:][::2].shape == (5, 3, 2, 4)
    assert select_images(images, np.array([1, 2])).shape == (2, 3, 2, 4)


@pytest.mark.parametrize("max_bytes", [0, 2**20])
def test_large_selections_stay_in_their_files(mapped, monkeypatch, max_bytes):
    monkeypatch.setattr(rows_module, "MAX_COPIED_BYTES", max_bytes)
    chosen = np.array([7, 2, 2, 11])
    selected = select_images(mapped, chosen)
    joined = join_images([mapped, read_lazily()], np.array([1, 0, 1]), np.array([4, 9, 0]))
    for images, expected in ((selected, IMAGES[chosen]), (joined, IMAGES[[4, 9, 0]])):
        assert isinstance(images, LazyImages) == (max_bytes == 0)
        np.testing.assert_array_equal(np.asarray(images), expected)
        np.testing.assert_array_equal(read_rows(images, np.array([2, 0])), expected[[2, 0]])
