"""Errors of a disk are recognized, whoever raised them; others are not."""

import errno
import os
from pathlib import Path

import pytest

from gv_jax.errors import UNWRITABLE, UserError, explain_unwritable, locate_unwritable


def raise_from(error):
    """`error` as the cause of another one, as libraries raise it."""
    try:
        try:
            raise error
        except type(error) as cause:
            raise RuntimeError("saving failed") from cause
    except RuntimeError as wrapped:
        return wrapped


@pytest.mark.parametrize("code", UNWRITABLE)
def test_errors_of_a_disk_name_the_file_and_the_reason(code):
    error = OSError(code, os.strerror(code), "runs/a/results.json")
    native = RuntimeError(f'write() to local file "/x/ckpt 1" failed: {os.strerror(code)}')
    wrapped = raise_from(error)
    names = "runs/a/results.json", "/x/ckpt 1"
    for raised, words in ((error, names[:1]), (native, names[1:]), (wrapped, names[:1])):
        explained = explain_unwritable(raised)
        assert isinstance(explained, UserError)
        assert all(word in str(explained) for word in [*words, os.strerror(code)])


@pytest.mark.parametrize(
    "error", [ValueError("a shape"), OSError(errno.EIO, "i/o"), KeyError("name"), OSError("text")]
)
def test_other_errors_are_not_explained(error):
    assert explain_unwritable(error) is None


def test_causes_that_form_a_circle():
    first, second = ValueError("first"), OSError(errno.ENOSPC, "full", "file")
    first.__context__, second.__context__ = second, first
    assert "file" in str(explain_unwritable(first))
    second.errno = errno.EIO
    assert explain_unwritable(first) is None


def test_the_full_disk_of_tensorflow_datasets():
    error = OSError("Not enough disk space. Needed: Unknown size")
    assert os.strerror(errno.ENOSPC) in str(explain_unwritable(error))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no folder that takes no files")
@pytest.mark.parametrize("path", ["/proc/gv_jax", "/proc/gv_jax/run"])
def test_a_folder_that_takes_no_files(path):
    with pytest.raises(FileNotFoundError) as raised:
        Path(path).mkdir(parents=True)
    explained = explain_unwritable(raised.value)
    assert isinstance(explained, UserError)
    assert "/proc/gv_jax" in str(explained)


def test_a_missing_file_is_not_explained(tmp_path):
    for path in (tmp_path / "missing", tmp_path / "missing" / "file"):
        with pytest.raises(FileNotFoundError) as raised:
            path.open()
        assert explain_unwritable(raised.value) is None
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_without_a_file_name_names_the_folder(tmp_path):
    with pytest.raises(OSError, match="full") as error, locate_unwritable(tmp_path):
        raise OSError(errno.ENOSPC, "full")
    assert str(tmp_path) in str(explain_unwritable(error.value))
    with pytest.raises(OSError, match="other") as error, locate_unwritable(tmp_path):
        raise OSError(errno.EBADF, "other")
    assert error.value.filename is None
