"""Videos, colorized: size, timing, sound and flicker."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from gv_jax.data.video import Video
from gv_jax.errors import UserError
from gv_jax.image.color_metrics import flicker
from gv_jax.inference.files.colorize_files import colorize_files
from tests.inference.scenes import scene, to_gray

av = pytest.importorskip("av")


def write_clip(path, frames, rate=Fraction(30000, 1001)):
    """Writes a video with sound."""
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


def audio_packets(path):
    """(seconds, bytes) of every audio packet."""
    with av.open(str(path)) as container:
        return [
            (round(float(packet.pts * packet.time_base), 3), bytes(packet))
            for packet in container.demux(audio=0)
            if packet.dts is not None
        ]


@pytest.fixture(autouse=True)
def load_once(colorizer, monkeypatch):
    """Compiles once for all files."""
    monkeypatch.setattr(
        "gv_jax.inference.files.colorize_files.load_colorizer", lambda run: colorizer
    )


@pytest.mark.parametrize(
    ("name", "height"), [("film.mp4", 48), ("film.mp4", 47), ("film.webm", 48), ("film.mkv", 48)]
)
def test_a_video_keeps_size_times_and_sound(name, height, tmp_path):
    source = write_clip(tmp_path / name, [scene(index, height, 64) for index in range(40)])
    target = tmp_path / "out" / name
    colorize_files(tmp_path, [source], tmp_path / "out", steady=False)
    before, after = list(Video(source)), list(Video(target))
    np.testing.assert_allclose(
        [frame.seconds for frame in after], [frame.seconds for frame in before], atol=1e-3
    )
    assert {frame.pixels.shape for frame in after} == {(height, 64, 3)}
    for old, new in zip(before[::13], after[::13], strict=True):
        difference = np.abs(to_gray(old.pixels) - to_gray(new.pixels))
        assert difference.mean() < 3  # from compression
    with av.open(str(source)) as source_file, av.open(str(target)) as target_file:
        assert [stream.type for stream in target_file.streams] == ["video", "audio"]
        rates = [float(file.streams.video[0].average_rate) for file in (source_file, target_file)]
    assert rates[1] == pytest.approx(rates[0], rel=0.01)
    assert audio_packets(target) == audio_packets(source)


def test_steady_reduces_flicker(colorizer):
    frames = [scene(index, 32, 48) for index in range(12)]
    state, steady = None, []
    for frame in frames:
        rgb, state = colorizer.colorize_frame(frame, state)
        steady.append(rgb)
    grays = np.stack([to_gray(frame) for frame in frames])[..., None].astype(np.float32) / 255
    flickers = {}
    for name, clip in {"steady": steady, "plain": [colorizer(frame) for frame in frames]}.items():
        ab = np.stack([rgb2lab(rgb)[..., 1:] for rgb in clip]).astype(np.float32)
        change, pixels = flicker(grays[:-1], grays[1:], ab[:-1], ab[1:])
        flickers[name] = float(change.sum() / pixels.sum())
    np.testing.assert_array_equal(to_gray(steady[-1]), to_gray(frames[-1]))
    assert flickers["steady"] < 0.5 * flickers["plain"]


def test_steady_restarts_with_every_video(colorizer, tmp_path, monkeypatch):
    states, colorize_frame = [], colorizer.colorize_frame
    monkeypatch.setattr(
        type(colorizer),
        "colorize_frame",
        lambda self, pixels, state: (states.append(state), colorize_frame(pixels, state))[1],
    )
    names = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for name in names:
        write_clip(name, [scene(index) for index in range(3)])
    colorize_files(tmp_path, names, tmp_path / "out", steady=True)
    assert [state is None for state in states] == [True, False, False] * 2


def test_an_animated_gif_becomes_a_video(tmp_path):
    frames = [Image.fromarray(scene(index)) for index in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=100)
    colorize_files(tmp_path, [tmp_path / "moving.gif"], tmp_path / "out", steady=False)
    seconds = [frame.seconds for frame in Video(tmp_path / "out" / "moving.mp4")]
    np.testing.assert_allclose(seconds, [0, 0.1, 0.2])


def test_the_frames_before_the_damage_are_written(tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 256, (60, 32, 48, 3), dtype=np.uint8))
    data = write_clip(tmp_path / "whole.mkv", noise, rate=Fraction(10)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    message = str(colorize_files(tmp_path, [tmp_path / "cut.mkv"], tmp_path / "out", steady=False))
    assert message.startswith(f"{tmp_path / 'cut.mkv'}: ")
    assert message.count("\n") == 1
    assert 10 < len(list(Video(tmp_path / "out" / "cut.mkv"))) < 50


def test_an_unreadable_video_is_named(tmp_path):
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match=r"b\.mp4"):
        colorize_files(tmp_path, [tmp_path / "b.mp4"], tmp_path / "out", steady=False)


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "film.mp4").write_bytes(b"some video")
    with pytest.raises(UserError, match=r"'\.\[video\]'"):
        colorize_files(tmp_path, [tmp_path / "film.mp4"], tmp_path / "out", steady=False)
    Image.fromarray(scene(0)).save(tmp_path / "a.png")
    done = colorize_files(tmp_path, [tmp_path / "a.png"], tmp_path / "out", steady=False)
    assert done.num_done == 1
