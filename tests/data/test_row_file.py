"""Rows in a temporary file, against the array that they came from."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gv_jax.data.row_file import RowFile


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.int64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_rows_are_read_as_they_were_written(tmp_path, dtype, shape):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 100, (50, *shape)).astype(dtype)
    with RowFile(dtype, shape, tmp_path) as file:
        for start in range(0, 50, 7):  # reads between writes too
            file.append(rows[start : start + 7])
            assert len(file) == min(start + 7, 50)
            np.testing.assert_array_equal(file.read(start, start + 2), rows[start : start + 2])
        for indices in ([], [49], [3, 4, 5], [5, 3, 3, 49, 0, 4], rng.integers(0, 50, 200)):
            chosen = np.array(indices, np.int64)
            np.testing.assert_array_equal(file[chosen], rows[chosen])
        np.testing.assert_array_equal(file.read(40, 99), rows[40:])
    assert list(tmp_path.iterdir()) == []


def test_threads_read_the_same_rows(tmp_path):
    rows = np.random.default_rng(1).normal(size=(400, 16)).astype(np.float32)
    with RowFile(np.float32, (16,), tmp_path) as file, ThreadPoolExecutor(4) as pool:
        file.append(rows)
        chosen = [np.random.default_rng(seed).permutation(400) for seed in range(20)]
        for indices, read in zip(chosen, pool.map(file.__getitem__, chosen), strict=True):
            np.testing.assert_array_equal(read, rows[indices])


def test_rows_of_another_shape_are_refused():
    with RowFile(np.uint8, (3,)) as file, pytest.raises(ValueError, match=r"\(4,\)"):
        file.append(np.zeros((2, 4), np.uint8))


def test_a_row_that_is_not_there_is_an_error():
    with RowFile(np.uint8, (3,)) as file:
        file.append(np.zeros((2, 3), np.uint8))
        with pytest.raises(OSError, match="row 2"):
            file[np.array([2])]
