"""Frames of unusual videos: turned, untagged, gray, with restarting clocks, covers, odd names."""

import io
import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from gv_jax.data import clip_files
from gv_jax.data.animation import Animation
from gv_jax.data.media import CorruptVideoError
from gv_jax.data.video import Video
from tests.inference.clip_writing import add_video, mux_frames, mux_sound, squares

av = pytest.importorskip("av")


def write(path, frames, times=None, options=None, sound_s=0.0, **stream_options):
    """A video; its sound is AAC."""
    times = [index / 20 for index in range(len(frames))] if times is None else times
    with av.open(f"file:{path}", "w", container_options=options or {}) as container:
        stream = add_video(container, av, frames[0].shape[:2], **stream_options)
        sound = container.add_stream("aac", rate=48000, layout="mono") if sound_s else None
        mux_frames(container, av, stream, frames, times)
        if sound:
            mux_sound(container, av, sound, sound_s)
    return path


@pytest.mark.parametrize(
    ("angle", "hflip", "expected"),
    [
        (90, False, lambda image: np.rot90(image)),
        (180, False, lambda image: image[::-1, ::-1]),
        (-90, False, lambda image: np.rot90(image, -1)),
        (0, True, lambda image: image[:, ::-1]),
        (0, False, lambda image: image),
    ],
)
def test_frames_are_upright(angle, hflip, expected, tmp_path):
    frames = squares(2)
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = add_video(container, av, (48, 64), qmin=1, qmax=4)
        stream.set_display_rotation(angle, hflip=hflip)
        mux_frames(container, av, stream, frames, [0, 0.05])
    first = next(iter(Video(path)))
    upright = expected(frames[0])
    assert first.pixels.shape == upright.shape
    assert np.abs(first.pixels.astype(int) - upright).mean() < 12  # compression


@pytest.mark.parametrize("sound_s", [0.0, 1.0])
def test_appended_recordings_have_continuous_times(sound_s, tmp_path):
    part = write(tmp_path / "part.ts", squares(20), sound_s=sound_s).read_bytes()
    path = tmp_path / "both.ts"
    path.write_bytes(part + part)
    video = Video(path)
    seconds = [frame.seconds for frame in video]
    assert len(seconds) == 40
    assert not video.damage
    assert np.diff(seconds).min() > 0.04
    assert np.diff(seconds).max() < 0.2
    assert seconds[-1] == pytest.approx(1.95, abs=0.2)


def test_a_clock_that_begins_at_10_h(tmp_path):
    path = write(
        tmp_path / "late.ts", squares(10), options={"output_ts_offset": "36000"}, sound_s=0.5
    )
    seconds = [frame.seconds for frame in Video(path)]
    assert 0 <= seconds[0] < 0.1
    np.testing.assert_allclose(np.diff(seconds), 0.05, atol=1e-3)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts", ".flv", ".mov"])
def test_a_variable_rate_and_sound_behind_the_frames_are_no_damage(suffix, tmp_path):
    times = [0, 0.05, 0.9, 1.0, 2.3]
    video = Video(write(tmp_path / f"slides{suffix}", squares(5), times, sound_s=5))
    seconds = np.array([frame.seconds for frame in video])
    np.testing.assert_allclose(seconds - seconds[0], times, atol=2e-3)
    assert video.damage == ""


def test_lost_bytes_are_a_gap(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    path = write(tmp_path / "a.mkv", list(noise), gop_size=6, options={"cluster_time_limit": "500"})
    data = bytearray(path.read_bytes())
    clusters = [n for n in range(len(data)) if data.startswith(b"\x1fC\xb6u", n)]
    data[clusters[1] : clusters[3]] = bytes(clusters[3] - clusters[1])
    path.write_bytes(data)
    video = Video(path)
    assert 30 < len(list(video)) < 60
    assert "gap" in video.damage


def test_the_cover_is_no_video(tmp_path):
    path = tmp_path / "cover.mp4"
    with av.open(str(path), "w") as container:
        cover = add_video(container, av, (16, 16), "mjpeg", "yuvj420p")
        stream = add_video(container, av, (48, 64))
        cover.disposition = av.stream.Disposition.attached_pic
        mux_frames(container, av, cover, squares(1, (16, 16)), [0])
        mux_frames(container, av, stream, squares(10), [index / 20 for index in range(10)])
    video = Video(path)
    assert [frame.pixels.shape for frame in video] == [(48, 64, 3)] * 10
    assert video.losses == ["the cover image"]


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
@pytest.mark.parametrize(("color_range", "low", "high"), [(1, 16, 235), (2, 0, 255)])
def test_gray_is_expanded_to_full_range(color_range, low, high, pixel_format, tmp_path):
    ramp = np.linspace(low, high, 64).round().astype(np.uint16)
    path = tmp_path / "gray.mkv"
    depth = 10 if pixel_format == "gray10le" else 8
    scale = 4 if color_range == 1 else 1023 / 255
    values = ramp if depth == 8 else np.rint(ramp * scale).astype(np.uint16)
    plane = np.tile(values, (16, 1)).astype(np.uint8 if depth == 8 else np.uint16)
    with av.open(str(path), "w") as container:
        stream = add_video(container, av, (16, 64), "ffv1", pixel_format, color_range=color_range)
        frame = av.VideoFrame.from_ndarray(plane, pixel_format)
        frame.color_range, frame.pts, frame.time_base = color_range, 0, Fraction(1, 1000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (first,) = Video(path)
    expected = np.rint((ramp - low) * 255 / (high - low))
    np.testing.assert_allclose(first.pixels[0, :, 1], expected, atol=1)
    assert (first.pixels.min(), first.pixels.max()) == (0, 255)


@pytest.mark.parametrize(
    ("size", "tag", "kr"),
    [
        ((720, 1280), 2, 0.2126),
        ((48, 64), 2, 0.299),
        ((48, 64), 1, 0.2126),
        ((720, 1280), 6, 0.299),
    ],
)
def test_the_matrix_is_that_of_the_tag_or_the_size(size, tag, kr, tmp_path):
    """A plain color of known YCbCr; expected values by ITU-R BT.601 and BT.709."""
    path = tmp_path / "plain.mkv"
    with av.open(str(path), "w") as container:
        stream = add_video(container, av, size, "ffv1", "yuv444p", colorspace=tag, color_range=1)
        planes = np.empty((3, *size), np.uint8)
        planes[:] = np.array([120, 100, 160], np.uint8)[:, None, None]
        frame = av.VideoFrame.from_ndarray(planes, "yuv444p")
        frame.colorspace, frame.color_range = tag, 1
        frame.pts, frame.time_base = 0, Fraction(1, 1000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (first,) = Video(path)
    y, blue, red = (120 - 16) / 219, (100 - 128) / 224, (160 - 128) / 224
    kb = {0.299: 0.114, 0.2126: 0.0722}[kr]
    r, b = y + 2 * (1 - kr) * red, y + 2 * (1 - kb) * blue
    g = (y - kr * r - kb * b) / (1 - kr - kb)
    np.testing.assert_allclose(first.pixels[8, 8], np.array([r, g, b]) * 255, atol=1.5)


@pytest.mark.parametrize("name", ["Zelda: Link.mp4", "http:x.mp4", "a%20b?.mp4"])
def test_names_are_no_addresses(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name, squares(3))
    assert len(list(Video(tmp_path.relative_to(tmp_path) / name))) == 3


def test_transparency_is_over_black_and_noted(tmp_path):
    path = tmp_path / "clear.mov"
    rgba = np.dstack([squares(1)[0], np.full((48, 64), 255, np.uint8)])
    rgba[:, :32, 3] = 0
    with av.open(str(path), "w") as container:
        stream = add_video(container, av, (48, 64), "qtrle", "argb")
        frame = av.VideoFrame.from_ndarray(rgba, "rgba").reformat(format="argb")
        frame.pts, frame.time_base = 0, Fraction(1, 1000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    video = Video(path)
    (first,) = video
    assert not first.pixels[:, :32].any()
    np.testing.assert_array_equal(first.pixels[:, 32:], rgba[:, 32:, :3])
    assert video.losses == ["transparency"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.webp", {"lossless": True}), ("a.png", {}), ("a.apng", {"format": "PNG"}), ("a.avif", {})],
)
def test_animated_images_are_clips(name, options, tmp_path):
    frames = squares(4, (40, 56))
    images = [Image.fromarray(frame) for frame in frames]
    durations = [100, 250, 40, 3000]
    images[0].save(
        tmp_path / name, save_all=True, append_images=images[1:], duration=durations, **options
    )
    assert clip_files.is_clip(tmp_path / name)
    clip = clip_files.open_clip(tmp_path / name, frame_stride=2)
    got = list(clip)
    np.testing.assert_allclose([frame.seconds for frame in got], [0, 0.35])
    np.testing.assert_allclose([frame.duration for frame in got], [0.1, 0.04])
    tolerance = 30 if name.endswith("avif") else 0
    for frame in got:
        assert np.abs(frame.pixels.astype(int) - frames[frame.index]).mean() <= tolerance
    assert clip.damage == ""


@pytest.mark.parametrize("suffix", ["webp", "png", "gif", "avif"])
def test_one_frame_is_no_clip(suffix, tmp_path):
    path = tmp_path / f"still.{suffix}"
    Image.fromarray(squares(1)[0]).save(path)
    assert not clip_files.is_clip(path)


def test_the_still_of_a_png_is_no_frame(tmp_path):
    images = [Image.fromarray(frame) for frame in squares(3)]
    images[0].save(
        tmp_path / "a.png", save_all=True, append_images=images[1:], default_image=True, duration=50
    )
    got = list(Animation(tmp_path / "a.png"))
    assert [frame.index for frame in got] == [0, 1]
    np.testing.assert_array_equal(got[0].pixels, np.asarray(images[1]))


def test_a_damaged_animation_gives_the_frames_before(tmp_path):
    buffer = io.BytesIO()
    images = [Image.fromarray(frame) for frame in squares(6)]
    images[0].save(buffer, "PNG", save_all=True, append_images=images[1:], duration=50)
    data = buffer.getvalue()
    (tmp_path / "a.png").write_bytes(data[: len(data) * 6 // 10])
    animation = Animation(tmp_path / "a.png")
    count = len(list(animation))
    assert 1 <= count < 6
    assert f"first {count} frames" in animation.damage
    (tmp_path / "b.webp").write_bytes(
        b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<IB", 10, 2) + bytes(9)
    )
    with pytest.raises(CorruptVideoError):
        list(Animation(tmp_path / "b.webp"))


def test_reordered_frames_of_an_avi_have_ascending_times(tmp_path):
    path = write(tmp_path / "a.avi", squares(12), max_b_frames=2)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    seconds = [frame.seconds for frame in Video(path)]
    np.testing.assert_allclose(np.diff(seconds), 0.05, atol=1e-3)


@pytest.mark.parametrize(("options", "losses"), [({"loop": 0}, ["the loop"]), ({}, [])])
def test_the_loop_of_a_gif_is_noted(options, losses, tmp_path):
    images = [Image.fromarray(frame) for frame in squares(3)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], **options)
    clip = clip_files.open_clip(tmp_path / "a.gif")
    assert len(list(clip)) == 3
    assert clip.losses == losses


def test_a_title_that_is_not_utf_8(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Zxlda"
        stream = add_video(container, av, (48, 64))
        mux_frames(container, av, stream, squares(3), [0, 0.05, 0.1])
    data = path.read_bytes()
    assert data.count(b"Zxlda")
    path.write_bytes(data.replace(b"Zxlda", b"Z\xe9lda"))
    assert len(list(Video(path))) == 3
