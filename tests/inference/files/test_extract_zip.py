"""Images of zip files in a new folder: complete or absent, and never outside of it."""

import io
import stat
import zipfile

import pytest
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.inference.files.extract_zip import extract_images


def png(value=0):
    buffer = io.BytesIO()
    Image.new("L", (2, 2), value).save(buffer, "PNG")
    return buffer.getvalue()


def write_zip(path, *members):
    """A zip file with a gray image per member; the n-th has the gray n."""
    with zipfile.ZipFile(path, "w") as archive:
        for value, member in enumerate(members):
            archive.writestr(member, png(value))
    return path


def read_folder(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize(
    ("members", "files"),
    [
        (["wall/1.png", "door/1.png"], ["wall/1.png", "door/1.png"]),
        (["pack/wall/1.png", "pack/door/1.png"], ["wall/1.png", "door/1.png"]),
        (["a/b/wall/1.png", "a/b/door/1.png"], ["wall/1.png", "door/1.png"]),
        (["p/train/wall/1.png", "p/test/wall/1.png"], ["train/wall/1.png", "test/wall/1.png"]),
        (["pack/wall/1.png", "pack/wall/2.png"], ["wall/1.png", "wall/2.png"]),
        (["pack\\wall\\1.png", "pack\\door\\1.png"], ["wall/1.png", "door/1.png"]),
        (["1.png", "2.png"], ["1.png", "2.png"]),
        (["a/1.png", "a/b/2.png"], ["a/1.png", "a/b/2.png"]),
    ],
)
def test_folders_around_all_images_are_left_out(tmp_path, members, files):
    archive = write_zip(tmp_path / "a.zip", *members)
    assert extract_images(archive, tmp_path / "new" / "images") == []
    expected = {name: png(value) for value, name in enumerate(files)}
    assert read_folder(tmp_path / "new" / "images") == expected
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["images"]


def test_other_files_and_those_of_systems_are_left_out(tmp_path):
    archive = tmp_path / "a.zip"
    write_zip(archive, "a/1.png", "b/1.png", "__MACOSX/a/._1.png", "a/notes.txt", "a/Thumbs.db")
    assert extract_images(archive, tmp_path / "images") == []
    assert sorted(read_folder(tmp_path / "images")) == ["a/1.png", "b/1.png"]


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/evil.png", "C:/evil.png", "..\\evil.png"]
)
def test_names_that_lead_out_of_the_folder_are_not_extracted(tmp_path, name):
    archive = write_zip(tmp_path / "a.zip", "a/1.png", name, "b/1.png")
    problems = extract_images(archive, tmp_path / "x" / "images")
    assert [member for member, _ in problems] == [name]
    assert sorted(read_folder(tmp_path / "x" / "images")) == ["a/1.png", "b/1.png"]
    assert not list(tmp_path.rglob("evil.png"))


def test_links_are_not_extracted(tmp_path):
    archive = write_zip(tmp_path / "a.zip", "a/1.png", "b/1.png")
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(link, "/etc/passwd")
    assert [member for member, _ in extract_images(archive, tmp_path / "images")] == ["a/link.png"]
    assert not (tmp_path / "images" / "a" / "link.png").exists()


def test_a_damaged_image_is_listed_and_the_others_are_extracted(tmp_path):
    archive = write_zip(tmp_path / "a.zip", "a/1.png", "b/1.png")
    content = bytearray(archive.read_bytes())
    content[content.index(png(0)) + 20] ^= 255
    archive.write_bytes(content)
    assert [member for member, _ in extract_images(archive, tmp_path / "images")] == ["a/1.png"]
    assert sorted(read_folder(tmp_path / "images")) == ["b/1.png"]


def test_members_of_one_path_do_not_replace_each_other(tmp_path):
    archive = write_zip(tmp_path / "a.zip", "a/1.png", "a\\1.png", "a/1.png/2.png", "b/1.png")
    problems = [member for member, _ in extract_images(archive, tmp_path / "images")]
    files = read_folder(tmp_path / "images")
    assert len(problems) + len(files) == 4
    assert files["a/1.png"] in (png(0), png(1))
    assert files["b/1.png"] == png(3)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 damaged"])
def test_a_file_that_is_no_zip_file_is_rejected(tmp_path, content):
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.zip"):
        extract_images(archive, tmp_path / "images")
    assert list(tmp_path.iterdir()) == [archive]


def test_a_zip_file_without_readable_images_leaves_nothing(tmp_path):
    for members in ([], ["notes.txt"], ["../evil.png"]):
        archive = write_zip(tmp_path / "a.zip", *members)
        with pytest.raises(UserError, match=r"a\.zip"):
            extract_images(archive, tmp_path / "images")
        assert list(tmp_path.iterdir()) == [archive]


def test_an_existing_folder_is_left_alone(tmp_path):
    archive = write_zip(tmp_path / "a.zip", "a/1.png")
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match="images"):
        extract_images(archive, tmp_path / "images")
    assert not any((tmp_path / "images").iterdir())
