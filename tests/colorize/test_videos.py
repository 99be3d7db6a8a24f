"""`python -m gv_jax.cli.colorize` with videos."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from gv_jax.cli.colorize import colorize_inputs
from gv_jax.data.video import Video
from gv_jax.errors import UserError
from gv_jax.image.color_metrics import flicker
from tests.colorize.scenes import greys, scene

av = pytest.importorskip("av")


def clip(path, frames, rate=Fraction(30000, 1001)):
    """A video with a sound track."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=rate
        )
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


@pytest.mark.parametrize(
    ("name", "height"), [("film.mp4", 48), ("film.mp4", 47), ("film.webm", 48), ("film.mkv", 48)]
)
def test_a_video_keeps_size_times_and_sound(name, height, run, color, tmp_path, monkeypatch):
    monkeypatch.setattr("gv_jax.inference.colorizer.load_colorizer", lambda folder: color)
    source = clip(tmp_path / name, [scene(number, height, 64) for number in range(40)])
    colorize_inputs(run, [source], tmp_path / "out", steady=False)
    before, after = list(Video(source)), list(Video(tmp_path / "out" / name))
    np.testing.assert_allclose(
        [frame.seconds for frame in after], [frame.seconds for frame in before], atol=1e-3
    )
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
    monkeypatch.setattr("gv_jax.inference.colorizer.load_colorizer", lambda folder: color)
    seen, frame = [], color.frame
    monkeypatch.setattr(
        type(color),
        "frame",
        lambda self, pixels, before: (seen.append(before), frame(pixels, before))[1],
    )
    for name in ("a.mp4", "b.mp4"):
        clip(tmp_path / name, [scene(number) for number in range(3)])
    colorize_inputs(run, [tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "out", steady=True)
    assert [before is None for before in seen] == [True, False, False] * 2


def test_a_gif_that_moves_becomes_a_video(run, tmp_path):
    frames = [Image.fromarray(scene(number)) for number in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=100)
    colorize_inputs(run, [tmp_path / "moving.gif"], tmp_path / "out", steady=False)
    np.testing.assert_allclose(
        [frame.seconds for frame in Video(tmp_path / "out" / "moving.mp4")], [0, 0.1, 0.2]
    )


def test_of_a_damaged_video_come_the_frames_before(run, tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 256, (60, 32, 48, 3), dtype=np.uint8))
    data = clip(tmp_path / "whole.mkv", noise, rate=Fraction(10)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    message = colorize_inputs(run, [tmp_path / "cut.mkv"], tmp_path / "out", steady=False)
    assert "cut.mkv: is cut short after " in message
    assert message.endswith(f"coloured 1 file into {tmp_path / 'out'}")
    assert 10 < len(list(Video(tmp_path / "out" / "cut.mkv"))) < 50


def test_without_pyav_the_extra_is_named(run, color, tmp_path, monkeypatch):
    monkeypatch.setattr("gv_jax.inference.colorizer.load_colorizer", lambda folder: color)
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "film.mp4").write_bytes(b"some video")
    with pytest.raises(UserError, match=r"pip install -e '\.\[video\]'"):
        colorize_inputs(run, [tmp_path / "film.mp4"], tmp_path / "out", steady=False)
    Image.fromarray(scene(0)).save(tmp_path / "a.png")
    assert "1 file" in colorize_inputs(run, [tmp_path / "a.png"], tmp_path / "out", steady=False)
