"""Strings in one buffer, against a list of them."""

import tracemalloc

import numpy as np
import pytest

from gv_jax.data.string_array import StringArray, StringWriter

NAMES = ["b/1.png", "", "ü/ж.png", "b/1.png", "\udcff.png", "a" * 300, "🦊"]


def test_it_is_the_sequence_that_it_was_made_of():
    names = StringArray.from_strings(iter(NAMES))
    assert len(names) == len(NAMES)
    assert list(names) == NAMES
    assert names == NAMES == [names[index] for index in range(len(NAMES))]
    assert names != NAMES[:-1]
    assert names == StringArray.from_strings(NAMES)
    assert names[-1] == NAMES[-1]
    assert NAMES[2] in names
    assert "c" not in names
    assert names.index("🦊") == 6
    with pytest.raises(IndexError):
        names[7]


@pytest.mark.parametrize("key", [slice(None), slice(1, 5), slice(None, None, -2), slice(9, 3)])
def test_slices(key):
    assert StringArray.from_strings(NAMES)[key] == NAMES[key]


@pytest.mark.parametrize("indices", [[], [6, 0, 2, 2], [1], [5, 4, 3]])
def test_selections(indices):
    taken = StringArray.from_strings(NAMES).take(np.array(indices, np.int64))
    assert list(taken) == [NAMES[index] for index in indices]


def test_many_strings_are_iterated_in_order():
    names = [f"{index}.png" for index in range(10_000)]
    assert list(StringArray.from_strings(names)) == names


def test_they_are_saved_and_damage_is_noticed(tmp_path):
    StringArray.from_strings(NAMES).save(tmp_path / "names.npz")
    assert StringArray.load(tmp_path / "names.npz") == NAMES
    (tmp_path / "names.npz").write_bytes((tmp_path / "names.npz").read_bytes()[:100])
    with pytest.raises(ValueError, match=r"names\.npz"):
        StringArray.load(tmp_path / "names.npz")


def test_no_strings():
    assert list(StringArray.from_strings([])) == []
    assert list(StringArray.from_strings([])[:]) == []


def test_a_string_takes_its_characters_and_little_more():
    tracemalloc.start()
    writer = StringWriter()
    for index in range(20_000):
        writer.append(f"class_0/{index:08}.png")
    kept = writer.to_array()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 20_000
    assert used < 20_000 * (20 + 8) * 1.3  # growing buffers have some room
