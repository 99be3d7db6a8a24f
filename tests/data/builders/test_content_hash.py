"""Hashes of source files are those of hashlib, and notice every replaced file."""

import hashlib
import os
import shutil
import time

import pytest

from gv_jax.data.builders import content_hash
from gv_jax.data.builders.content_hash import content_digest, hash_files

OLD = 1_500_000_000 * 10**9  # a modification time in nanoseconds


@pytest.fixture
def files(tmp_path):
    """Three files with an old modification time."""
    folder = tmp_path / "in"
    folder.mkdir()
    paths = [folder / name for name in ("a.png", "b.png", "ü.png")]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 1000)
        os.utime(path, ns=(OLD, OLD))
    return paths


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that are read, in alphabetical order when compared as a set."""
    names = []
    original = content_hash.hash_file

    def hash_file(path):
        names.append(os.path.basename(path))
        return original(path)

    monkeypatch.setattr(content_hash, "hash_file", hash_file)
    return names


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once, though their change time is now."""
    monkeypatch.setattr(content_hash, "SETTLE_NS", -(10**12))


def test_hashes_are_those_of_hashlib(files, tmp_path):
    expected = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert hash_files(files, tmp_path / "root") == expected
    assert hash_files([], tmp_path / "root") == []


def test_unchanged_files_are_read_once(files, tmp_path, reads, settled):
    first = hash_files(files, tmp_path / "root")
    reads.clear()
    assert hash_files(files, tmp_path / "root") == first
    assert reads == []


def test_a_file_that_has_just_changed_is_read_again(files, tmp_path, reads):
    for _ in range(2):
        hash_files(files, tmp_path / "root")
    assert len(reads) == 6


@pytest.mark.parametrize("how", ["rewrite", "rename", "copy"])
def test_a_replaced_file_of_the_same_size_and_time_is_noticed(files, tmp_path, settled, reads, how):
    before = content_digest([(path.name, path) for path in files], tmp_path / "root")
    time.sleep(0.02)  # the resolution of the kernel's clock
    new = tmp_path / "new.png"
    new.write_bytes(b"x" * 1000)
    os.utime(new, ns=(OLD, OLD))
    if how == "rewrite":
        files[1].write_bytes(new.read_bytes())
        os.utime(files[1], ns=(OLD, OLD))
    elif how == "rename":
        new.replace(files[1])
    else:
        shutil.copy2(new, files[1])  # as cp -p
    assert (files[1].stat().st_size, files[1].stat().st_mtime_ns) == (1000, OLD)
    reads.clear()
    after = content_digest([(path.name, path) for path in files], tmp_path / "root")
    assert after != before
    assert reads == ["b.png"]


def test_touching_and_moving_files_leaves_the_digest(files, tmp_path):
    before = content_digest([(path.name, path) for path in files], tmp_path / "root")
    for path in files:
        path.touch()
    moved = shutil.move(tmp_path / "in", tmp_path / "moved")
    listed = [(path.name, moved / path.name) for path in files]
    assert content_digest(listed, tmp_path / "root") == before


def test_part_of_a_folder_does_not_forget_the_rest(files, tmp_path, reads, settled):
    hash_files(files, tmp_path / "root")
    hash_files(files[:1], tmp_path / "root")
    reads.clear()
    hash_files(files, tmp_path / "root")
    assert reads == []


@pytest.mark.parametrize("content", ["", "{", "\x93NUMPY"])
def test_a_damaged_index_is_made_again(files, tmp_path, settled, content):
    expected = hash_files(files, tmp_path / "root")
    [index] = (tmp_path / "root/prepared/hashes").glob("*.npy")
    index.write_text(content)
    assert hash_files(files, tmp_path / "root") == expected


def test_no_index_where_nothing_can_be_written(files, tmp_path):
    (tmp_path / "root").write_text("a file where the folder should be")
    assert len(set(hash_files(files, tmp_path / "root"))) == 3


def test_an_unreadable_file_has_no_hash(tmp_path):
    missing = tmp_path / "in" / "none.png"
    assert hash_files([missing], tmp_path / "root") == [content_hash.UNREADABLE]
