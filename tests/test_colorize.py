"""`python -m gv_jax.colorize`, with a tiny run whose training pictures are gone."""

import json
import shutil
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from configs import colorize as config_of
from gv_jax import experiment
from gv_jax.colorize import colorize, main
from gv_jax.data.colour_fidelity import flicker
from gv_jax.data.video import Video
from gv_jax.errors import UserError
from gv_jax.serving.colorizer import colorizer

av = pytest.importorskip("av")
DRAWS = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def strict():
    """Optax promotes integers itself."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Frames of 16x24, a light box on a dark ground below a sky, learned in a few steps; then all is moved away."""
    base = tmp_path_factory.mktemp("colouring")
    (base / "frames").mkdir()
    for number in range(30):
        Image.fromarray(scene(number)).save(base / "frames" / f"f{number:03d}.png")
    config = config_of.get_config(str(base / "frames"))
    config.update_from_flattened_dict(
        {
            "data.root": str(base / "data"),
            "data.size": (16, 24),
            "data.frames_folder.scene": 3,
            "data.frames_folder.gap": 1,
            "data.valid_share": 0.2,
            "data.test_share": 0.2,
            "model.name": "alpha",
            "colour.head": "mse",
            "train.batch_size": 8,
            "train.epochs": 6,
            "optimizer.learning_rate": 1e-2,
        }
    )
    experiment.run(config, base / "run")
    shutil.rmtree(base / "frames")
    for made in ("prepared", "cache"):
        shutil.rmtree(base / "data" / made)
    (base / "moved").mkdir()
    return (base / "run").rename(base / "moved" / "run")


@pytest.fixture(scope="module")
def color(run):
    return colorizer(run)


def scene(number, height=16, width=24):
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2], picture[height // 2 :] = (40, 90, 220), (60, 120, 30)
    left = number % (width - 6)
    picture[height // 2 : height - 3, left : left + 6] = (230, 190, 60)
    return picture


def greys(picture):
    """Of RGB, by scikit-image: L of a grey that is as light, looked up."""
    lights = rgb2lab(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, -1))[:, 0, 0]
    borders = (lights[1:] + lights[:-1]) / 2
    return np.searchsorted(borders, rgb2lab(picture[..., :3])[..., 0])


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
def test_every_kind_of_picture_keeps_its_greys_and_its_alpha(name, run, color, tmp_path, monkeypatch):
    monkeypatch.setattr("gv_jax.serving.colorizer.colorizer", lambda folder: color)  # opened once for all of them
    picture, options = PICTURES[name]
    picture.save(tmp_path / name, **options)
    assert (
        colorize(run, [tmp_path / name], tmp_path / "out", steady=False) == f"coloured 1 file into {tmp_path / 'out'}"
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
    error, of_grey = (np.abs(picture - truth.astype(float)).mean() for picture in (made, greys(truth)[..., None]))
    assert error < 0.85 * of_grey


def test_what_the_network_is_told_is_degraded_but_what_comes_out_is_not(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["config"]["degrade"]["grey_levels"] = 4
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    degraded, told = colorizer(tmp_path / "run"), colorizer(run)
    dark, light = (DRAWS.integers(level, level + 30, (16, 24), dtype=np.uint8) for level in (50, 90))
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
    with pytest.raises(UserError, match=r"gone\.png: .*broken\.png: is no picture .* Else coloured 3 files into"):
        colorize(run, [tmp_path / "in"], tmp_path / "in" / "out", steady=False)
    made = sorted(str(file.relative_to(tmp_path / "in" / "out")) for file in (tmp_path / "in" / "out").rglob("*.*"))
    assert made == ["a.png", "below/b.bmp.png", "below/b.jpg.png"]
    (tmp_path / "in" / "below" / "broken.png").unlink()
    (tmp_path / "in" / "gone.png").unlink()
    message = colorize(run, [tmp_path / "in"], tmp_path / "in" / "out", steady=False)
    assert message.startswith("coloured 3 files")  # those in the output are not coloured again
    assert "colour" in capsys.readouterr().err  # the progress bar


def clip(path, frames, rate=Fraction(30000, 1001)):
    """A video with a sound track."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv444p" if frames[0].shape[0] % 2 else "yuv420p"
        sound = container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000)
        sound.layout = "mono"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
        for start in range(0, int(len(frames) / rate * 48000), 960):
            wave = np.sin(np.arange(start, start + 960) / 20).astype(np.float32)[None]
            audio = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            audio.sample_rate, audio.pts, audio.time_base = 48000, start, Fraction(1, 48000)
            container.mux(sound.encode(audio))
        container.mux(sound.encode())
    return path


def sound_of(path):
    with av.open(str(path)) as container:
        return [
            (round(float(packet.pts * packet.time_base), 3), bytes(packet))
            for packet in container.demux(audio=0)
            if packet.dts is not None
        ]


@pytest.mark.parametrize(("name", "height"), [("film.mp4", 48), ("film.mp4", 47), ("film.webm", 48), ("film.mkv", 48)])
def test_a_video_keeps_size_times_and_sound(name, height, run, color, tmp_path, monkeypatch):
    monkeypatch.setattr("gv_jax.serving.colorizer.colorizer", lambda folder: color)
    source = clip(tmp_path / name, [scene(number, height, 64) for number in range(40)])
    colorize(run, [source], tmp_path / "out", steady=False)
    before, after = list(Video(source)), list(Video(tmp_path / "out" / name))
    np.testing.assert_allclose([frame.seconds for frame in after], [frame.seconds for frame in before], atol=1e-3)
    assert {frame.pixels.shape for frame in after} == {(height, 64, 3)}
    for old, new in zip(before[::13], after[::13], strict=True):
        assert np.abs(greys(old.pixels) - greys(new.pixels)).mean() < 3  # but for compression
    with av.open(str(source)) as one, av.open(str(tmp_path / "out" / name)) as other:
        assert [track.type for track in other.streams] == ["video", "audio"]
        rates = [float(file.streams.video[0].average_rate) for file in (one, other)]
    assert rates[1] == pytest.approx(rates[0], rel=0.01)
    assert sound_of(tmp_path / "out" / name) == sound_of(source)


def test_steady_lowers_the_flicker(color):
    frames = [scene(number, 32, 48) for number in range(12)]
    before, steadied = None, []
    for frame in frames:
        painted, before = color.frame(frame, before)
        steadied.append(painted)
    found = {}
    for name, made in {"steady": steadied, "plain": [color(frame) for frame in frames]}.items():
        ab = np.stack([rgb2lab(picture)[..., 1:] for picture in made]).astype(np.float32)
        told = np.stack([greys(picture) for picture in made])[..., None].astype(np.float32) / 255
        change, pixels = flicker(told[:-1], told[1:], ab[:-1], ab[1:])
        found[name] = float(change.sum() / pixels.sum())
    np.testing.assert_array_equal(greys(steadied[-1]), greys(frames[-1]))
    assert found["steady"] < 0.5 * found["plain"]


def test_steady_begins_anew_with_every_video(run, color, tmp_path, monkeypatch):
    monkeypatch.setattr("gv_jax.serving.colorizer.colorizer", lambda folder: color)
    seen, frame = [], color.frame
    monkeypatch.setattr(
        type(color), "frame", lambda self, pixels, before: (seen.append(before), frame(pixels, before))[1]
    )
    for name in ("a.mp4", "b.mp4"):
        clip(tmp_path / name, [scene(number) for number in range(3)])
    colorize(run, [tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "out", steady=True)
    assert [before is None for before in seen] == [True, False, False] * 2


def test_a_gif_that_moves_becomes_a_video(run, tmp_path):
    frames = [Image.fromarray(scene(number)) for number in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=100)
    colorize(run, [tmp_path / "moving.gif"], tmp_path / "out", steady=False)
    np.testing.assert_allclose([frame.seconds for frame in Video(tmp_path / "out" / "moving.mp4")], [0, 0.1, 0.2])


def test_of_a_damaged_video_come_the_frames_before(run, tmp_path):
    noise = list(DRAWS.integers(0, 256, (60, 32, 48, 3), dtype=np.uint8))
    data = clip(tmp_path / "whole.mkv", noise, rate=Fraction(10)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    message = colorize(run, [tmp_path / "cut.mkv"], tmp_path / "out", steady=False)
    assert "cut.mkv: is cut short after " in message
    assert message.endswith(f"coloured 1 file into {tmp_path / 'out'}")
    assert 10 < len(list(Video(tmp_path / "out" / "cut.mkv"))) < 50


def test_mistakes_are_told_in_one_line(run, tmp_path, capsys):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    (tmp_path / "b.mp4").write_bytes(b"no video")
    (tmp_path / "empty").mkdir()
    shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("checkpoints"))
    results = json.loads((run / "results.json").read_text())
    (tmp_path / "other" / "results.json").write_text(json.dumps({**results, "task": "classification"}))
    picture, out = str(tmp_path / "a.png"), ["--output", str(tmp_path / "out")]
    for arguments, said in (
        ([str(tmp_path), picture, *out], "holds no finished run"),
        ([str(tmp_path / "other"), picture, *out], "a run of classification: only one of colorization can colour"),
        ([str(run), str(tmp_path / "no.png"), *out], "no.png: no such picture, video or folder"),
        ([str(run), str(tmp_path / "empty"), *out], "no picture or video in it"),
        ([str(run), str(tmp_path / "b.mp4"), *out], "b.mp4: is no video that can be read"),
        ([str(run), picture, "--output", str(tmp_path)], "is an input, and would be overwritten"),
        ([str(run), picture, "--output", picture], "is a file: give a folder"),
        ([str(run), picture], "--output"),
        ([str(run), picture, *out, "--stedy"], "--stedy"),
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        error = capsys.readouterr().err
        assert end.value.code == 2
        assert said in error
        assert error.count("\n") == 1, error


def test_without_pyav_the_extra_is_named(run, color, tmp_path, monkeypatch):
    monkeypatch.setattr("gv_jax.serving.colorizer.colorizer", lambda folder: color)
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "film.mp4").write_bytes(b"some video")
    with pytest.raises(UserError, match=r"pip install -e '\.\[video\]'"):
        colorize(run, [tmp_path / "film.mp4"], tmp_path / "out", steady=False)
    Image.fromarray(RGB).save(tmp_path / "a.png")
    assert "1 file" in colorize(run, [tmp_path / "a.png"], tmp_path / "out", steady=False)


def test_what_is_no_picture_is_refused(color):
    for wrong in (np.zeros((4, 4)), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(UserError, match=r"cannot colour .*: give uint8"):
            color(wrong)
