"""Files of generated images: names, metadata, contact sheet, and what an interruption leaves."""

import json
import os

import numpy as np
import pytest
from PIL import Image

import gv_jax
from gv_jax.errors import UserError
from gv_jax.inference.files.contact_sheet import COLUMNS, ContactSheet
from gv_jax.inference.files.generate_files import GenerationOutcome, generate_files
from gv_jax.inference.files.png_metadata import SOURCE_TYPE, read_metadata


@pytest.fixture(scope="module")
def run(generation_run):
    return gv_jax.load_run(generation_run)


def write(run, output, counts, **options):
    outcome = GenerationOutcome(output)
    sampling = run.sampling(options.pop("seed", 0))
    generate_files(run, counts, outcome, sampling, **options)
    return outcome


def read(file):
    return np.asarray(Image.open(file))


def test_files_hold_the_images_and_say_that_they_are_generated(run, tmp_path):
    outcome = write(run, tmp_path, {"brick": 2, "hero": 1}, seed=5)
    assert (outcome.written, outcome.kept) == (3, 0)
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert names == [
        "brick/brick_5_00000.png",
        "brick/brick_5_00001.png",
        "contact_sheet.png",
        "hero/hero_5_00000.png",
    ]
    file = tmp_path / "brick" / "brick_5_00001.png"
    np.testing.assert_array_equal(read(file), run.generate("brick", 2, seed=5)[1])
    description = read_metadata(file) or {}
    recorded = {name: description[name] for name in ("run", "class", "index", "seed", "dataset")}
    assert recorded == {"run": "run", "class": "brick", "index": 1, "seed": 5, "dataset": "tiny"}
    assert not {"strength", "layout_time"} & set(description)
    text = Image.open(file).text
    assert "Generated image" in text["Description"]
    assert SOURCE_TYPE in text["XML:com.adobe.xmp"]


def test_the_same_command_continues(run, tmp_path):
    write(run, tmp_path, {"brick": 5})
    files = sorted((tmp_path / "brick").iterdir())
    before = [file.read_bytes() for file in files]
    sheet = (tmp_path / "contact_sheet.png").read_bytes()
    for file in files[1:4]:
        file.unlink()
    kept = files[0].stat().st_mtime_ns
    outcome = write(run, tmp_path, {"brick": 5})
    assert (outcome.written, outcome.kept) == (3, 2)
    assert [file.read_bytes() for file in files] == before
    assert files[0].stat().st_mtime_ns == kept
    assert read(tmp_path / "contact_sheet.png").shape == read_bytes_shape(sheet, tmp_path)


def read_bytes_shape(content, folder):
    (folder / "before.bin").write_bytes(content)
    return read(folder / "before.bin").shape


@pytest.mark.parametrize("change", ["palette", "foreign"])
def test_files_of_other_settings_are_not_overwritten(run, tmp_path, change):
    write(run, tmp_path, {"brick": 1})
    file = tmp_path / "brick" / "brick_0_00000.png"
    if change == "foreign":
        Image.new("RGBA", (16, 16)).save(file)
    content = file.read_bytes()
    with pytest.raises(UserError, match=r"brick_0_00000\.png.*--output"):
        write(run, tmp_path, {"brick": 1}, palette=3 if change == "palette" else None)
    assert file.read_bytes() == content


def test_each_image_is_varied(run, tmp_path):
    sources = [tmp_path / "a.png", tmp_path / "b.png"]
    for value, source in zip((0, 250), sources, strict=True):
        Image.new("RGBA", (16, 16), (value, value, value, 255)).save(source)
    outcome = write(run, tmp_path / "out", {"brick": 3}, like=sources)
    assert outcome.written == 6
    files = sorted((tmp_path / "out" / "brick").iterdir())
    assert [file.name for file in files][:4] == [
        *(f"like_0_a_0_{index:05}.png" for index in range(3)),
        "like_1_b_0_00000.png",
    ]
    dark, light = (
        np.mean([read(file)[..., :3].mean() for file in part]) for part in (files[:3], files[3:])
    )
    assert light > dark + 30
    recorded = read_metadata(files[0]) or {}
    assert (recorded["like"], "strength" in recorded) == ("a.png", True)


@pytest.mark.parametrize("name", [b"x" * 251 + b".png", b"\xff.png", b"a\\b.png"])
def test_every_name_of_a_varied_image_gives_a_file_name(run, tmp_path, name):
    source = tmp_path / os.fsdecode(name)
    Image.new("RGB", (16, 16)).save(source)
    assert write(run, tmp_path / "out", {"brick": 1}, like=[source]).written == 1
    assert write(run, tmp_path / "out", {"brick": 1}, like=[source]).kept == 1
    (file,) = (tmp_path / "out" / "brick").iterdir()
    assert file.name.isprintable()
    assert "\\" not in file.name
    assert (read_metadata(file) or {})["like"] == source.name


@pytest.mark.parametrize("content", [None, b"no image"])
def test_an_image_that_cannot_be_varied_is_named(run, tmp_path, content):
    file = tmp_path / "a.png"
    if content:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"--like .*a\.png") as caught:
        write(run, tmp_path / "out", {"brick": 1}, like=[file])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_folder(run, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UserError, match="--output"):
        write(run, tmp_path / "out", {"brick": 1})


@pytest.mark.parametrize("kind", ["image", "folder"])
def test_a_contact_sheet_of_others_is_kept(run, tmp_path, kind):
    sheet = tmp_path / "contact_sheet.png"
    if kind == "image":
        Image.new("RGB", (2, 2)).save(sheet)
    else:
        sheet.mkdir()
    with pytest.raises(UserError, match=r"contact_sheet\.png.*--output"):
        write(run, tmp_path, {"brick": 1})
    assert list(tmp_path.iterdir()) == [sheet]


def test_the_contact_sheet_says_that_it_is_generated(run, tmp_path):
    for _ in range(2):  # it may be written again
        write(run, tmp_path, {"brick": 1}, seed=3)
    text = Image.open(tmp_path / "contact_sheet.png").text
    assert SOURCE_TYPE in text["XML:com.adobe.xmp"]
    assert "seed 3" in text["Description"]
    assert (read_metadata(tmp_path / "contact_sheet.png") or {})["run"] == "run"


def test_nothing_is_written_among_the_training_images(run, tmp_path, monkeypatch):
    monkeypatch.setitem(run.config["data"], "path", str(tmp_path))
    with pytest.raises(UserError, match="--output"):
        write(run, tmp_path / "brick", {"brick": 1})
    assert not list(tmp_path.iterdir())


def test_a_palette_is_recorded_by_its_colors(run, tmp_path):
    file, copy = tmp_path / "a.hex", tmp_path / "copy" / "a.hex"
    copy.parent.mkdir()
    for path in (file, copy):
        path.write_text("ff0000\n00ff00\n")
    output = tmp_path / "out"
    write(run, output, {"brick": 1}, palette=file)
    assert (read_metadata(output / "brick" / "brick_0_00000.png") or {})["palette"] == "a.hex"
    assert write(run, output, {"brick": 1}, palette=copy).kept == 1
    file.write_text("0000ff\n")
    with pytest.raises(UserError, match="--output"):
        write(run, output, {"brick": 1}, palette=file)


def test_a_default_number_of_colors_is_that_number(run, tmp_path, monkeypatch):
    write(run, tmp_path, {"brick": 1}, palette=4)
    monkeypatch.setitem(run.section, "palette", 4)
    assert write(run, tmp_path, {"brick": 1}).kept == 1


def test_metadata_of_other_files_is_none(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "plain.png")
    (tmp_path / "text.png").write_text(json.dumps({}))
    assert read_metadata(tmp_path / "plain.png") is None
    assert read_metadata(tmp_path / "text.png") is None
    assert read_metadata(tmp_path / "missing.png") is None


def test_the_sheet_has_a_row_for_each_class_and_is_bounded():
    sheet = ContactSheet(["a", "b"], (16, 16))
    image = np.full((16, 16, 4), 255, np.uint8)
    for _ in range(3 * COLUMNS):
        sheet.add("a", image)
    one_row = sheet.draw()
    sheet.add("b", image)
    two_rows = sheet.draw()
    assert two_rows.width == one_row.width > COLUMNS * 64
    assert two_rows.height > 1.8 * one_row.height
    assert not sheet.has_room("a")
    single = ContactSheet(["a"], (16, 16))
    for _ in range(1000):
        single.add("a", image)
    assert single.draw().height < 11 * 80


def test_the_sheet_enlarges_by_whole_factors():
    sheet = ContactSheet(["a"], (40, 32))
    color = np.uint8([200, 30, 90])  # not of the text
    sheet.add("a", np.tile(color, (40, 32, 1)))
    assert (np.asarray(sheet.draw()) == color).all(-1).sum() == 80 * 64
