"""Videos written by the tests: intact, truncated, damaged, and files that are no videos."""

import re
import sys

import numpy as np
import pytest

from gv_jax.data.media import CorruptVideoError
from gv_jax.data.video import Video
from gv_jax.errors import UserError

av = pytest.importorskip("av")


def nearest(image, frames):
    """Index of the frame that is most similar to a compressed image."""
    return np.argmin([np.abs(image.astype(float) - frame).mean() for frame in frames])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".gif"])
def test_every_kth_frame_in_order_with_its_time(suffix, tmp_path, write_video, make_frames):
    frames = make_frames(30)
    path = write_video(tmp_path / f"video{suffix}", frames, rate=20)
    video = Video(path, frame_stride=7)
    samples = list(video)
    assert [sample.index for sample in samples] == [0, 7, 14, 21, 28]
    times = [sample.seconds for sample in samples]
    np.testing.assert_allclose(times, [0, 0.35, 0.7, 1.05, 1.4], atol=0.002)
    for sample in samples:
        assert (sample.pixels.dtype, sample.pixels.shape) == (np.uint8, (48, 64, 3))
        assert nearest(sample.pixels, frames) == sample.index
    assert video.damage == ""


@pytest.mark.parametrize(
    ("standard", "code"), [("ITU601", 6), ("ITU709", 1)]  # codes of ITU-T H.273
)  # fmt: skip
def test_colors_follow_the_color_space_of_the_file(standard, code, tmp_path):
    colorspace = getattr(av.video.reformatter.Colorspace, standard)
    flat = av.VideoFrame.from_ndarray(np.full((48, 64, 3), (200, 40, 40), np.uint8), "rgb24")
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.codec_context.colorspace = code
        frame = flat.reformat(format="yuv420p", dst_colorspace=colorspace)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (frame,) = Video(path)
    np.testing.assert_allclose(frame.pixels[24, 32], (200, 40, 40), atol=4)


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi", ".gif"])
def test_a_truncated_video_gives_its_frames(suffix, tmp_path, write_video, make_frames):
    data = write_video(tmp_path / f"whole{suffix}", make_frames(96)).read_bytes()
    path = tmp_path / f"truncated{suffix}"
    path.write_bytes(data[: len(data) * 4 // 10])
    video = Video(path)
    count = len(list(video))
    assert 10 < count < 60
    # With one decoding thread, the packet that is cut is reported as damage.
    pattern = rf"is (truncated|damaged) after [\d.]+ (of [\d.]+ )?s.*; the first {count} frames"
    assert re.match(pattern, video.damage)


@pytest.mark.parametrize(("suffix", "bytes_lost"), [(".mp4", 2000), (".avi", 200)])
def test_a_damaged_video_gives_the_frames_before_the_damage(
    suffix, bytes_lost, tmp_path, write_video, make_frames
):
    frames = make_frames(96)
    data = bytearray(write_video(tmp_path / f"whole{suffix}", frames).read_bytes())
    middle = len(data) // 2
    data[middle : middle + bytes_lost] = np.random.default_rng(0).bytes(bytes_lost)
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(data)
    video = Video(path)
    decoded = list(video)
    assert 20 < len(decoded) < 60
    assert re.match(rf"is damaged after [\d.]+ s.*first {len(decoded)} frames", video.damage)
    for frame in decoded:
        assert nearest(frame.pixels, frames) == frame.index


def test_a_gap_is_reported(tmp_path, write_video, make_frames):
    data = write_video(tmp_path / "whole.webm", make_frames(120)).read_bytes()
    clusters = [n for n in range(len(data)) if data.startswith(b"\x1fC\xb6u", n)]
    path = tmp_path / "gap.webm"
    path.write_bytes(data[: clusters[1]] + data[clusters[2] :])
    video = Video(path)
    assert len(list(video)) < 120
    assert re.match(r"has 1 gap, the longest of [\d.]+ s at [\d.]+ s", video.damage)


@pytest.mark.parametrize("content", ["", "no video " * 99, "no index"])
def test_a_file_that_is_no_video(content, tmp_path, write_video, make_frames):
    path = tmp_path / "fake.mp4"
    if content == "no index":
        path.write_bytes(write_video(tmp_path / "whole.mp4", make_frames(24)).read_bytes()[:2000])
    else:
        path.write_text(content)
    with pytest.raises(CorruptVideoError, match=r"\(.+\)"):
        list(Video(path))


def test_a_file_that_does_not_exist(tmp_path):
    with pytest.raises(CorruptVideoError, match="No such file"):
        list(Video(tmp_path / "nothing.mp4"))


def test_a_file_without_a_video_stream(tmp_path):
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
    with pytest.raises(CorruptVideoError, match="video stream"):
        list(Video(sound))


def test_without_pyav_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[video\]'"):
        Video(tmp_path / "video.mp4")
