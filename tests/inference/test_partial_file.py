"""Files that are complete or absent, and errors that name them."""

import errno
import os
from pathlib import Path

import pytest

from gv_jax.errors import UserError, find_unwritable
from gv_jax.inference.partial_file import write_partial


def write(path):
    with write_partial(path) as partial:
        partial.write_text("content")


@pytest.mark.parametrize("name", [b"a.png", b"\xff.png", b"x" * 251 + b".png"])
def test_every_name_of_the_system_can_be_written(tmp_path, name):
    path = tmp_path / "new" / os.fsdecode(name)
    write(path)
    assert path.read_text() == "content"
    assert os.listdir(path.parent) == [path.name]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write(path)

    def fail():
        with write_partial(path) as partial:
            partial.write_text("half")
            raise KeyError("half")

    with pytest.raises(KeyError):
        fail()
    assert os.listdir(tmp_path) == ["a.txt"]
    assert path.read_text() == "content"


def test_another_process_that_writes_the_same_file_is_one_line(tmp_path):
    def write_at_once():
        with write_partial(tmp_path / "a.txt") as partial:
            partial.write_text("first")
            write(tmp_path / "a.txt")

    with pytest.raises(UserError, match=r"a\.txt") as caught:
        write_at_once()
    assert "\n" not in str(caught.value)
    assert (tmp_path / "a.txt").read_text() == "content"


@pytest.mark.parametrize("path", ["file/a.png", "file/sub/a.png", "folder", "x" * 256])
def test_an_error_names_what_cannot_be_written(tmp_path, path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="Errno") as caught:
        write(tmp_path / path)
    found = find_unwritable(caught.value)
    assert found is not None
    assert tmp_path / path in (Path(found.file), Path(found.file) / "a.png")
    assert caught.value.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
