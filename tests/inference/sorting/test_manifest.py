"""A manifest is read back as it was written, also if its end is missing."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv_jax.errors import UserError
from gv_jax.inference.sorting.manifest import COPY, FOLDER, Entry, Journal, read_manifest

SETTINGS = {"operation": "copy", "run": 'a, "b"\n'}
ENTRY = Entry(COPY, "wall/a.png", "/pack/a.png", "", "wall", "0.9", "no", "", 12, "0f")
NAMES = st.binary(min_size=1, max_size=20).map(
    lambda data: os.fsdecode(data.replace(b"\0", b"").replace(b"/", b"").replace(b".", b"")) + "x"
)


def write(file, entries, settings=SETTINGS):
    journal = Journal(file, settings)
    journal.append(entries)
    journal.close()
    return file


@settings(settings.get_profile("fast"))
@given(NAMES, NAMES, NAMES)
def test_names_of_any_bytes(tmp_path_factory, target, source, label):
    file = tmp_path_factory.mktemp("manifest") / "manifest.csv"
    entries = (Entry(FOLDER, target), replace(ENTRY, target=target, source=source, label=label))
    manifest = read_manifest(write(file, entries))
    assert manifest.entries == entries
    assert {name: manifest.settings[name] for name in SETTINGS} == SETTINGS


def test_rows_are_appended(tmp_path):
    file = write(tmp_path / "manifest.csv", [ENTRY])
    other = replace(ENTRY, target="wall/b.png")
    assert read_manifest(write(file, [other])).entries == (ENTRY, other)


def test_half_a_line_at_the_end_does_not_count(tmp_path):
    file = write(tmp_path / "manifest.csv", [ENTRY, replace(ENTRY, target="wall/b.png")])
    data = file.read_bytes()
    start = data.rfind(b"\n", 0, -1) + 1
    for end in range(start, len(data)):
        file.write_bytes(data[:end])
        assert read_manifest(file).entries == (ENTRY,)
        assert read_manifest(write(file, [ENTRY])).entries == (ENTRY, ENTRY)


@pytest.mark.parametrize("target", ["../a.png", "/etc/a.png", "wall/../../a.png"])
def test_targets_outside_are_rejected(target, tmp_path):
    file = write(tmp_path / "manifest.csv", [replace(ENTRY, target=target)])
    with pytest.raises(UserError, match=r"manifest\.csv"):
        read_manifest(file)


@pytest.mark.parametrize("text", ["", "path,label\na.png,wall\n", "\xff\n", '"\n', "\0\n"])
def test_other_files_are_rejected(text, tmp_path):
    file = tmp_path / "other.csv"
    file.write_text(text, "latin-1")
    with pytest.raises(UserError, match=r"other\.csv"):
        read_manifest(file)
    with pytest.raises(UserError, match=r"missing\.csv"):
        read_manifest(tmp_path / "missing.csv")
