"""Images that a command line names: files, folders, globs, zip files and lists."""

import os
import zipfile
from pathlib import Path

import pytest

from gv_jax.errors import UserError
from gv_jax.inference.files import zip_members
from gv_jax.inference.files.input_files import list_inputs
from gv_jax.inference.files.zip_members import ZipFiles
from tests.inference.files.images import write_image


def names(inputs):
    return [source.name for source in inputs.sources]


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A folder with images in two folders; the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("b/2.png", "b/10.png", "a.png", ".hidden.png"):
        write_image(tmp_path / "pack" / name, "red")
    (tmp_path / "pack" / "b" / "readme.txt").write_text("")
    return Path("pack")


def write_zip(path, members):
    """Members are (name, content) or (ZipInfo, content)."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def test_a_folder_at_any_depth(pack):
    inputs = list_inputs(["pack"])
    assert names(inputs) == ["a.png", "b/2.png", "b/10.png"]
    assert [source.path for source in inputs.sources] == [pack / name for name in names(inputs)]
    assert [note.count(".txt") for note in inputs.notes] == [1]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("pack/*.png", ["a.png"]),
        ("pack/*/*.png", ["b/2.png", "b/10.png"]),
        ("pack/**/*.png", ["a.png", "b/2.png", "b/10.png"]),
        ("p*/b/[0-9].png", ["pack/b/2.png"]),
        ("pack/b*", ["2.png", "10.png"]),
    ],
)
def test_globs(pattern, expected, pack):
    assert names(list_inputs([pattern])) == expected


def test_a_name_with_brackets_is_no_glob(pack):
    write_image(pack / "[1].png", "red")
    assert names(list_inputs(["pack/[1].png"])) == ["[1].png"]


def test_a_glob_without_matches(pack):
    with pytest.raises(UserError, match="pack"):
        list_inputs(["pack/*.tga"])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_a_list(end, pack):
    lines = [b"pack/b/2.png", os.fsencode(pack.absolute() / "a.png"), b"./pack/b/10.png", b"no.png"]
    inputs = list_inputs(["-"], end.join(lines) + end)
    assert names(inputs) == ["pack/b/2.png", "a.png", "pack/b/10.png"]
    assert [path for path, _ in inputs.problems] == ["no.png"]
    with pytest.raises(UserError, match="standard input"):
        list_inputs(["-"], end)


def test_a_file_given_twice_is_used_once(pack):
    words = ["pack/a.png", "pack", "./pack/b", str(pack.absolute()), "pack/*.png"]
    assert names(list_inputs(words)) == ["a.png", "b/2.png", "b/10.png"]


def test_links_in_one_folder_are_files_of_their_own(pack):
    (pack / "c.png").symlink_to("a.png")
    os.link(pack / "a.png", pack / "d.png")
    assert names(list_inputs(["pack"])) == ["a.png", "b/2.png", "b/10.png", "c.png", "d.png"]


def test_missing_inputs_and_other_kinds(pack):
    (pack / "dangling.png").symlink_to("nowhere")
    os.mkfifo(pack / "pipe.png")
    inputs = list_inputs(["no.png", "pack/dangling.png", "pack/pipe.png"])
    assert inputs.missing == [Path("no.png"), pack / "dangling.png"]
    assert [path for path, _ in inputs.problems] == ["pack/pipe.png"]


def test_a_loop_of_links_is_a_problem(pack):
    (pack / "b" / "loop").symlink_to("..")
    inputs = list_inputs(["pack"])
    assert names(inputs) == ["a.png", "b/2.png", "b/10.png"]
    assert [path for path, _ in inputs.problems] == ["pack/b/loop"]


@pytest.mark.parametrize("name", [b"a\nb.png", b"\xff\xfe.png", b"x" * 246 + b".png", b"-.png"])
def test_odd_names(name, tmp_path):
    write_image(tmp_path / "a.png", "red").rename(tmp_path / os.fsdecode(name))
    (source,) = list_inputs([str(tmp_path)]).sources
    assert os.fsencode(source.name) == name
    assert str(source).isprintable()


def test_zip_members(tmp_path):
    data = write_image(tmp_path / "a.png", "red").read_bytes()
    zipped = write_zip(
        tmp_path / "pack.zip",
        [("b/10.png", data), ("b\\2.png", data), ("readme.txt", ""), ("__MACOSX/._a.png", data)],
    )
    inputs = list_inputs([str(zipped)])
    assert names(inputs) == ["b/10.png", "b/2.png"]
    assert [str(source) for source in inputs.sources] == [
        f"{zipped}/b/10.png",
        f"{zipped}/b\\\\2.png",
    ]
    assert ZipFiles().read(zipped, "b/10.png") == data


def symlink(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = 0o120777 << 16
    return member


@pytest.mark.parametrize(
    "name", ["../a.png", "/etc/a.png", "b/../../a.png", "C:\\a.png", "..\\a.png"]
)
def test_members_that_lead_out_are_not_read(name, tmp_path):
    zipped = write_zip(tmp_path / "pack.zip", [(name, b""), ("good.png", b"")])
    inputs = list_inputs([str(zipped)])
    assert names(inputs) == ["good.png"]
    assert len(inputs.problems) == 1


def test_members_that_are_links_or_encrypted_are_not_read(tmp_path):
    zipped = write_zip(
        tmp_path / "pack.zip", [(symlink("link.png"), b"/etc/passwd"), ("b.png", b"")]
    )
    data = bytearray(zipped.read_bytes())
    entry = data.rfind(b"PK\x01\x02")  # of b.png in the central directory
    data[entry + 8] |= 1  # the flag of encryption
    zipped.write_bytes(data)
    inputs = list_inputs([str(zipped)])
    assert names(inputs) == []
    assert len(inputs.problems) == 2


def test_large_members_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_members, "MAX_MEMBER_BYTES", 100)
    zipped = write_zip(
        tmp_path / "pack.zip", [("large.png", b"x" * 101), ("small.png", b"x" * 100)]
    )
    inputs = list_inputs([str(zipped)])
    assert names(inputs) == ["small.png"]
    assert "101" in inputs.problems[0][1]


def test_a_zip_bomb_is_rejected(tmp_path):
    zipped = tmp_path / "pack.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(2**20))
        first = archive.infolist()[0]
        for index in range(200):  # entries of one content
            copied = zipfile.ZipInfo(f"{index}.png")
            for field in ("header_offset", "file_size", "compress_size", "CRC", "compress_type"):
                setattr(copied, field, getattr(first, field))
            archive.filelist.append(copied)
    with pytest.raises(UserError, match=r"pack\.zip"):
        list_inputs([str(zipped)])


def test_a_damaged_zip_file(tmp_path):
    zipped = write_zip(tmp_path / "pack.zip", [("a.png", b"x" * 500)])
    zipped.write_bytes(zipped.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"pack\.zip"):
        list_inputs([str(zipped)])
