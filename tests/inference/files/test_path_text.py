"""Paths as text are printable, on one line, and read back as they were."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv_jax.inference.files.path_text import escape_cell, escape_path, unescape_path

NAMES = st.binary(max_size=30).map(lambda data: os.fsdecode(data.replace(b"\0", b"")))


@settings(settings.get_profile("fast"))
@given(NAMES)
def test_every_name_is_read_back(name):
    for escape in (escape_path, escape_cell):
        text = escape(name)
        assert text.isprintable()
        assert unescape_path(text.encode().decode()) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pack/wall 1.png", "pack/wall 1.png"),
        ("Wände/壁.png", "Wände/壁.png"),
        ("a\nb", r"a\x0ab"),
        ("a\\b", r"a\\b"),
        (os.fsdecode(b"\xff.png"), r"\xff.png"),
        ("\x1b[31m", r"\x1b[31m"),
    ],
)
def test_escapes(name, text):
    assert escape_path(name) == text


@pytest.mark.parametrize("start", "=+-@\t\r\n")
def test_no_cell_is_a_formula(start):
    assert escape_cell(start + "1+2")[0] == "\\"
