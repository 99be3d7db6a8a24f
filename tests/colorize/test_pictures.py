"""`python -m gv_jax.cli.colorize`, with pictures and folders of them."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from gv_jax.cli.colorize import colorize_inputs, run_colorize_command
from gv_jax.errors import UserError
from gv_jax.inference.colorizer import load_colorizer
from tests.colorize.scenes import greys, scene

DRAWS = np.random.default_rng(0)


RGB = DRAWS.integers(0, 256, (19, 33, 3), dtype=np.uint8)
ALPHA = DRAWS.integers(0, 256, (19, 33), dtype=np.uint8)
DEEP = (DRAWS.random((19, 33)) * 65535).astype(np.uint16)


def palette_picture():
    picture = Image.fromarray(DRAWS.integers(0, 3, (19, 33), dtype=np.uint8), "P")
    picture.putpalette([10, 20, 30, 200, 100, 50, 90, 90, 240])
    return picture


PICTURES = {
    "rgb.png": (Image.fromarray(RGB), {}),
    "rgba.png": (Image.fromarray(np.dstack([RGB, ALPHA])), {}),
    "grey.png": (Image.fromarray(RGB[..., 0]), {}),
    "grey_alpha.png": (Image.fromarray(np.dstack([RGB[..., 0], ALPHA]), "LA"), {}),
    "palette.png": (palette_picture(), {}),
    "palette_clear.png": (palette_picture(), {"transparency": 1}),
    "black_white.bmp": (Image.fromarray(RGB[..., 0]).convert("1"), {}),
    "deep.png": (Image.fromarray(DEEP), {}),
    "cmyk.jpg": (Image.fromarray(RGB).convert("CMYK"), {}),
    "photo.webp": (Image.fromarray(RGB), {}),
    "one.png": (Image.fromarray(RGB[:1, :1]), {}),
    "line.gif": (Image.fromarray(RGB[:1, :, 0]), {}),
}


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("name", PICTURES)
def test_every_kind_of_picture_keeps_its_greys_and_its_alpha(
    name, run, color, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "gv_jax.inference.colorizer.load_colorizer", lambda folder: color
    )  # opened once for all of them
    picture, options = PICTURES[name]
    picture.save(tmp_path / name, **options)
    assert (
        colorize_inputs(run, [tmp_path / name], tmp_path / "out", steady=False)
        == f"coloured 1 file into {tmp_path / 'out'}"
    )
    with Image.open(tmp_path / name) as file:
        clear, size = file.has_transparency_data, file.size
        if name == "deep.png":
            expected = np.rint(DEEP / 65535 * 255)
        elif file.mode in ("1", "L", "LA"):
            expected = np.asarray(file.convert("LA"))[..., 0]
        else:
            expected = greys(np.asarray(file.convert("RGB")))
        alpha = np.asarray(file.convert("RGBA"))[..., 3] if clear else None
    with Image.open(tmp_path / "out" / f"{name.split('.')[0]}.png") as made:
        assert (made.mode, made.size) == ("RGBA" if clear else "RGB", size)
        pixels = np.asarray(made)
    np.testing.assert_array_equal(greys(pixels), expected)
    if clear:
        np.testing.assert_array_equal(pixels[..., 3], alpha)


def test_it_has_learned_something(color):
    made, truth = color(scene(4)), scene(4)
    error, of_grey = (
        np.abs(picture - truth.astype(float)).mean() for picture in (made, greys(truth)[..., None])
    )
    assert error < 0.85 * of_grey


def test_what_the_network_is_told_is_degraded_but_what_comes_out_is_not(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["config"]["degrade"]["gray_levels"] = 4
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    degraded, told = load_colorizer(tmp_path / "run"), load_colorizer(run)
    dark, light = (
        DRAWS.integers(level, level + 30, (16, 24), dtype=np.uint8) for level in (50, 90)
    )
    for first, second in ((dark, light), (light, dark)):
        both = [degraded.sketch(picture, None).ab for picture in (first, second)]
        np.testing.assert_array_equal(*both)  # one shade, 85
        np.testing.assert_array_equal(greys(degraded(first[..., None])), first)
    assert np.abs(told.sketch(dark, None).ab - told.sketch(light, None).ab).max() > 0.1


def test_a_folder_comes_out_as_it_was(run, tmp_path, capsys):
    (tmp_path / "in" / "below").mkdir(parents=True)
    for name in ("a.png", "below/b.jpg", "below/b.bmp"):
        Image.fromarray(RGB).save(tmp_path / "in" / name)
    (tmp_path / "in" / "below" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "in" / "gone.png").symlink_to("nothing")
    with pytest.raises(
        UserError, match=r"gone\.png: .*broken\.png: is no picture .* Else coloured 3 files into"
    ):
        colorize_inputs(run, [tmp_path / "in"], tmp_path / "in" / "out", steady=False)
    made = sorted(
        str(file.relative_to(tmp_path / "in" / "out"))
        for file in (tmp_path / "in" / "out").rglob("*.*")
    )
    assert made == ["a.png", "below/b.bmp.png", "below/b.jpg.png"]
    (tmp_path / "in" / "below" / "broken.png").unlink()
    (tmp_path / "in" / "gone.png").unlink()
    message = colorize_inputs(run, [tmp_path / "in"], tmp_path / "in" / "out", steady=False)
    assert message.startswith("coloured 3 files")  # those in the output are not coloured again
    assert "colour" in capsys.readouterr().err  # the progress bar


def test_mistakes_are_told_in_one_line(run, tmp_path, capsys):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    (tmp_path / "b.mp4").write_bytes(b"no video")
    (tmp_path / "empty").mkdir()
    shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("checkpoints"))
    results = json.loads((run / "results.json").read_text())
    (tmp_path / "other" / "results.json").write_text(
        json.dumps({**results, "task": "classification"})
    )
    picture, out = str(tmp_path / "a.png"), ["--output", str(tmp_path / "out")]
    for arguments, said in (
        ([str(tmp_path), picture, *out], "holds no finished run"),
        (
            [str(tmp_path / "other"), picture, *out],
            "a run of classification: only one of colorization can colour",
        ),
        ([str(run), str(tmp_path / "no.png"), *out], "no.png: no such picture, video or folder"),
        ([str(run), str(tmp_path / "empty"), *out], "no picture or video in it"),
        ([str(run), str(tmp_path / "b.mp4"), *out], "b.mp4: is no video that can be read"),
        ([str(run), picture, "--output", str(tmp_path)], "is an input, and would be overwritten"),
        ([str(run), picture, "--output", picture], "is a file: give a folder"),
        ([str(run), picture], "--output"),
        ([str(run), picture, *out, "--stedy"], "--stedy"),
    ):
        with pytest.raises(SystemExit) as end:
            run_colorize_command(arguments)
        error = capsys.readouterr().err
        assert end.value.code == 2
        assert said in error
        assert error.count("\n") == 1, error


def test_what_is_no_picture_is_refused(color):
    for wrong in (np.zeros((4, 4)), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(UserError, match=r"cannot colour .*: give uint8"):
            color(wrong)
