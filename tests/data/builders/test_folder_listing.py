"""What the scan of a folder reads, passes over, counts and reports; random trees of folders."""

import contextlib
import os
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gv_jax.data.builders.folder_listing import check_outside, describe_left_out, scan
from gv_jax.data.builders.system_files import is_system_name
from gv_jax.errors import UserError
from tests.data.builders.folders import make_builder, num_images, refuse, write_classes, write_image

SYSTEM_FOLDERS = (
    *("@eaDir", "$RECYCLE.BIN", "System Volume Information", "__MACOSX", "lost+found", ".git"),
    *("#recycle", "@__thumb", "LOST.DIR", "found.000", ".Trash-1000", "__pycache__"),
)


def names(listing) -> list[str]:
    return [file.name for file in listing.files]


@pytest.mark.parametrize("change", [str, str.lower, str.upper])
@pytest.mark.parametrize("name", SYSTEM_FOLDERS)
def test_folders_of_systems_are_passed_over_at_every_depth(tmp_path, name, change):
    folder = write_classes(tmp_path / "in")
    for parent in (folder, folder / "cat"):
        write_image(parent / change(name) / "x.png" / "thumb.jpg")
    builder = make_builder(folder, tmp_path)
    assert (builder.classes, num_images(builder)) == (("cat", "dog"), 10)
    assert (builder.skipped, builder.notes) == ([], ())


@pytest.mark.parametrize("name", ["Thumbs.db", "ehthumbs.db", "desktop.ini", ".DS_Store", "Icon\r"])
def test_files_of_systems_are_not_counted(tmp_path, name):
    (tmp_path / name).write_text("x")
    assert not scan(tmp_path).left_out


@pytest.mark.parametrize("name", ["eaDir", "recycled", "lost", "macosx", "git", "foundation.001"])
def test_similar_names_of_users_are_kept(name):
    assert not is_system_name(name)


def test_files_that_are_not_read_are_counted_by_suffix(tmp_path):
    folder = write_classes(tmp_path / "in")
    for name in ("a.psd", "b.PSD", "notes.txt", "LICENSE", "Dr. No is long"):
        (folder / "cat" / name).write_text("x")
    builder = make_builder(folder, tmp_path)
    (note,) = builder.notes
    assert note.startswith(f"{folder}: ")
    assert "2 .psd" in note
    assert "1 .txt" in note
    assert "2 files without a suffix" in note


def test_many_suffixes_are_one_short_line():
    left_out = {f".s{number}": number for number in range(1, 30)}
    (line,) = describe_left_out("in", left_out)
    assert "29 .s29, 28 .s28" in line
    assert f"{sum(range(1, 22))} files" in line
    assert len(line) < 200
    assert describe_left_out("in", {}) == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "DDS", "AVIF"])
def test_an_image_without_a_suffix_is_read(tmp_path, kind):
    Image.new("RGB", (4, 4)).save(tmp_path / "image", kind)
    listing = scan(tmp_path)
    assert names(listing) == ["image"]
    assert not listing.left_out


@pytest.mark.parametrize("name", ["bird", "v1.0", "bird.png"])
def test_a_dangling_link_is_named(tmp_path, name):
    folder = write_classes(tmp_path / "in")
    (folder / name).symlink_to(tmp_path / "gone")
    line = refuse(folder, tmp_path, f"{folder / name}: ")
    assert str(tmp_path / "gone") in line
    builder = make_builder(folder, tmp_path, skip_broken=True)
    assert num_images(builder) == 10
    assert len(builder.skipped) == 1


def test_folders_nested_deeper_than_calls(tmp_path):
    depth = 1_200
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(depth):
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
    finally:
        os.close(here)
    listing = scan(tmp_path)
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # shutil.rmtree calls itself
    assert len(listing.folders) == depth
    assert not listing.problems


@pytest.mark.parametrize("target", ["in", "in/runs/a", "in/cat", "link/runs"])
def test_nothing_is_written_inside_of_the_folder(tmp_path, target):
    (tmp_path / "in" / "cat").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(UserError, match="--output=DIR"):
        check_outside(tmp_path / target, tmp_path / "in", "the audit", "--output")
    check_outside(tmp_path / "in2", tmp_path / "in", "the audit", "--output")


PARTS = st.one_of(
    st.sampled_from([b"cat", b"train", b"Test", b"1", b"10", b"@eaDir", b"a.png", b"b.psd", b"-"]),
    st.binary(min_size=1, max_size=12).filter(
        lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
    ),
)
ENTRIES = st.lists(
    st.tuples(
        st.lists(PARTS, min_size=1, max_size=3),
        st.sampled_from(["file", "image", "folder", "link up", "dangling", "link to file"]),
    ),
    max_size=12,
)


def make_entry(root: bytes, parts: list[bytes], kind: str) -> None:
    """Makes one entry of a random tree unless another one is in the way."""
    path = os.path.join(root, *parts)
    try:
        os.makedirs(path if kind == "folder" else os.path.dirname(path), exist_ok=True)
        if kind == "link up":
            os.symlink(root, path)
        elif kind == "dangling":
            os.symlink(b"nowhere", path)
        elif kind == "link to file":
            os.symlink(os.fsencode(__file__), path)
        elif kind != "folder" and not os.path.lexists(path):
            with open(path, "wb") as file:
                file.write(b"GIF89a" if kind == "image" else b"text")
    except OSError:  # a file where a folder should be, or a name that is too long
        pass


@given(ENTRIES)
@settings(settings.get_profile("fast"))
def test_random_trees(entries):
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as root:
        for parts, kind in entries:
            make_entry(os.fsencode(folder), parts, kind)
        listing = scan(Path(folder))
        regular = Counter[str]()  # by find's rules: no link is followed
        for parent, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if not is_system_name(name)]
            for name in files:
                is_link = os.path.islink(os.path.join(parent, name))
                if not is_system_name(name) and not is_link:
                    regular[os.path.join(parent, name)] += 1
        read = {str(file.path) for file in listing.files if not file.path.is_symlink()}
        assert read <= set(regular)
        assert len(listing.files) == len(set(names(listing)))
        total = len(listing.files) + sum(listing.left_out.values())
        assert total >= len(regular)
        for file in listing.files:
            file.name.encode()
        with contextlib.suppress(UserError):  # any other exception fails the test
            assert len(make_builder(folder, Path(root), skip_broken=True).classes) >= 2
