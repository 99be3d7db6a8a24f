"""Videos that the tests write themselves, whole, cut short, damaged, and no videos at all."""

import sys

import numpy as np
import pytest

from gv_jax.data.video import CorruptVideoError, Video
from gv_jax.errors import UserError

av = pytest.importorskip("av")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".gif"])
def test_every_kth_frame_in_order_with_its_time(suffix, tmp_path, film, play):
    frames = play(30)
    video = Video(film(tmp_path / f"film{suffix}", frames, rate=20), every=7)
    found = list(video)
    assert [frame.number for frame in found] == [0, 7, 14, 21, 28]
    np.testing.assert_allclose(
        [frame.seconds for frame in found], [0, 0.35, 0.7, 1.05, 1.4], atol=0.002
    )
    for frame in found:
        assert (frame.pixels.dtype, frame.pixels.shape) == (np.uint8, (48, 64, 3))
        apart = [np.abs(frame.pixels.astype(float) - other).mean() for other in frames]
        assert np.argmin(apart) == frame.number  # compressed, but nearest to the frame that it is
    assert video.damage == ""


def test_colours_follow_the_standard_that_the_file_names(tmp_path):
    flat = np.full((48, 64, 3), (200, 40, 40), np.uint8)
    for name, standard in (
        ("old", av.video.reformatter.Colorspace.ITU601),
        ("hd", av.video.reformatter.Colorspace.ITU709),
    ):
        path = tmp_path / f"{name}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=24)
            stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
            stream.codec_context.colorspace = {"old": 6, "hd": 1}[name]  # of ITU-T H.273
            picture = av.VideoFrame.from_ndarray(flat, "rgb24").reformat(
                format="yuv420p", dst_colorspace=standard
            )
            container.mux(stream.encode(picture))
            container.mux(stream.encode())
        (frame,) = Video(path)
        np.testing.assert_allclose(frame.pixels[24, 32], (200, 40, 40), atol=4, err_msg=name)


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi", ".gif"])
def test_of_a_video_that_is_cut_short_come_the_frames_there_are(suffix, tmp_path, film, play):
    data = film(tmp_path / f"whole{suffix}", play(96)).read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: len(data) * 4 // 10])
    video = Video(path)
    found = list(video)
    assert 10 < len(found) < 60
    assert "s; the" in video.damage
    assert video.damage.startswith("is cut short after ")


@pytest.mark.parametrize(("suffix", "bytes_lost"), [(".mp4", 2000), (".avi", 200)])
def test_of_a_damaged_video_come_the_frames_before_the_damage(
    suffix, bytes_lost, tmp_path, film, play
):
    frames = play(96)
    data = bytearray(film(tmp_path / f"whole{suffix}", frames).read_bytes())
    middle = len(data) // 2
    data[middle : middle + bytes_lost] = np.random.default_rng(0).bytes(bytes_lost)
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(data)
    video = Video(path)
    found = list(video)
    assert 20 < len(found) < 60
    assert video.damage.startswith("is damaged after ")
    for frame in found:
        apart = [np.abs(frame.pixels.astype(float) - other).mean() for other in frames]
        assert np.argmin(apart) == frame.number


def test_a_hole_is_said(tmp_path, film, play):
    frames = play(120)
    data = film(tmp_path / "whole.webm", frames).read_bytes()
    places = [
        n for n in range(len(data)) if data.startswith(b"\x1fC\xb6u", n)
    ]  # of clusters, which begin with a whole frame
    path = tmp_path / "hole.webm"
    path.write_bytes(data[: places[1]] + data[places[2] :])
    video = Video(path)
    assert len(list(video)) < 120
    assert video.damage.startswith("has 1 holes, the longest of ")


def test_what_is_no_video(tmp_path, film, play):
    whole = film(tmp_path / "whole.mp4", play(24)).read_bytes()
    for name, data in (
        ("empty.mp4", b""),
        ("text.mp4", b"no video " * 99),
        ("no_index.mp4", whole[:2000]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CorruptVideoError, match=r"is no video that can be read \(.+\)"):
            list(Video(tmp_path / name))
    with pytest.raises(CorruptVideoError, match="No such file"):
        list(Video(tmp_path / "nothing.mp4"))
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
    with pytest.raises(CorruptVideoError, match="holds no pictures"):
        list(Video(sound))


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[video\]'"):
        Video(tmp_path / "film.mp4")
