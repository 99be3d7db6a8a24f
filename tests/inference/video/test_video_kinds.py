"""Videos with new frames: what else of the source they keep, and what is said to be lost."""

import resource
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.clip_files import open_clip
from gv_jax.errors import UserError
from gv_jax.inference.files.colorize_files import Outcome, colorize_files
from gv_jax.inference.video.video_file import MirrorWriter
from tests.inference.clip_writing import (
    add_video,
    copy_clip,
    mux_frames,
    mux_sound,
    read_seconds,
    sound_end,
    squares,
)

av = pytest.importorskip("av")
VIDEO_CODECS = {".wmv": "wmv2", ".avi": "mpeg4", ".flv": "flv", ".webm": "libvpx-vp9"}


def write(path, frames, times=None, sound=(), sound_s=0.5, **stream_options):
    """A video; `sound` lists (codec, metadata, disposition)."""
    times = [index / 20 for index in range(len(frames))] if times is None else times
    with av.open(f"file:{path}", "w") as container:
        stream = add_video(container, av, frames[0].shape[:2], **stream_options)
        sounds = []
        for codec, metadata, disposition in sound:
            track = container.add_stream(codec, rate=48000, layout="mono")
            track.metadata.update(metadata)
            track.disposition = disposition
            sounds.append(track)
        mux_frames(container, av, stream, frames, times)
        for track in sounds:
            mux_sound(container, av, track, sound_s)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "kept"),
    [
        ("a.mkv", "aac", "aac"),
        ("a.webm", "libopus", "opus"),
        ("a.mp4", "libmp3lame", "mp3"),
        ("a.wmv", "wmav2", ""),
        ("a.avi", "adpcm_ms", ""),
        ("a.avi", "pcm_u8", "pcm_u8"),
        ("a.mov", "pcm_mulaw", "pcm_mulaw"),
        ("a.flv", "adpcm_swf", ""),
    ],
)
def test_sound_is_copied_or_encoded_anew(name, codec, kept, tmp_path):
    path = tmp_path / name
    video = VIDEO_CODECS.get(path.suffix, "libx264")
    rate = 48000 if codec == "libopus" else 44100
    with av.open(str(path), "w") as container:
        stream = container.add_stream(video, rate=20)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        sound = container.add_stream(codec, rate=rate, layout="mono", bit_rate=64_000)
        for pixels in squares(10):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        mux_sound(container, av, sound, 0.5, rate)
    target, _, writer = copy_clip(path, tmp_path / "out")
    with av.open(str(target)) as written:
        assert [stream.type for stream in written.streams] == ["video", "audio"]
        new_codec = written.streams.audio[0].codec_context.codec.canonical_name
    assert sound_end(target, av) == pytest.approx(sound_end(path, av), abs=0.08)
    assert new_codec == (kept or "opus")
    assert any("sound" in loss for loss in writer.losses) == (not kept)


def test_matroska_called_webm_becomes_webm(tmp_path):
    path = tmp_path / "a.webm"
    with av.open(str(path), "w", format="matroska") as container:
        stream = add_video(container, av, (48, 64))
        sound = container.add_stream("aac", rate=48000, layout="mono")
        mux_frames(container, av, stream, squares(5), [index / 20 for index in range(5)])
        mux_sound(container, av, sound, 0.5)
    target, _, writer = copy_clip(path, tmp_path / "out")
    with av.open(str(target)) as written:
        names = [stream.codec_context.codec.canonical_name for stream in written.streams]
    assert names == ["vp9", "opus"]
    assert writer.losses == ["sound as aac (encoded anew)"]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
def test_sound_behind_the_last_frame_is_kept(name, tmp_path):
    path = write(tmp_path / name, squares(3), [0, 0.05, 0.4], [("aac", {}, 1)], sound_s=2)
    target, clip, writer = copy_clip(path, tmp_path / "out")
    np.testing.assert_allclose(read_seconds(target), read_seconds(path), atol=2e-3)
    assert sound_end(target, av) == pytest.approx(sound_end(path, av), abs=0.03)
    assert (clip.damage, clip.losses, writer.losses) == ("", [], [])


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_every_frame_of_an_animation_keeps_its_duration(suffix, tmp_path):
    images = [Image.fromarray(frame) for frame in squares(4)]
    path = tmp_path / f"a.{suffix}"
    images[0].save(path, save_all=True, append_images=images[1:], duration=[100, 100, 100, 5000])
    target, *_ = copy_clip(path, tmp_path / "out")
    assert target.suffix == ".mp4"
    np.testing.assert_allclose(read_seconds(target), [0, 0.1, 0.2, 0.3], atol=1e-3)
    with av.open(str(target)) as written:
        assert written.duration / 1e6 == pytest.approx(5.3, abs=0.01)


def test_tracks_titles_subtitles_and_chapters_are_kept(tmp_path):
    path, subtitles = tmp_path / "film.mkv", tmp_path / "a.srt"
    subtitles.write_text("1\n00:00:00,100 --> 00:00:00,300\nHello\n")
    with av.open(str(path), "w") as container:
        stream = add_video(container, av, (48, 64))
        for language, title, flags in (("jpn", "Original", 0), ("eng", "Commentary", 1)):
            track = container.add_stream("aac", rate=48000, layout="mono")
            track.metadata.update({"language": language, "title": title})
            track.disposition = flags
        container.add_attachment("a.txt", "text/plain", b"notes")
        container.metadata["title"] = "My run"
        base = Fraction(1, 1000)
        container.set_chapters(
            [
                {"id": n, "start": 200 * n, "end": 200 * n + 200, "time_base": base, "metadata": {}}
                for n in range(2)
            ]
        )
        sounds = container.streams.audio
        with av.open(str(subtitles)) as text:
            track = container.add_stream_from_template(text.streams[0])
            lines = [packet for packet in text.demux() if packet.size]
        mux_frames(container, av, stream, squares(8), [index / 20 for index in range(8)])
        for sound in sounds:
            mux_sound(container, av, sound, 0.4)
        for line in lines:
            line.stream = track
            container.mux(line)
    target, clip, writer = copy_clip(path, tmp_path / "out")
    with av.open(str(target)) as written:
        tracks = [
            (track.metadata.get("language"), track.metadata.get("title"), int(track.disposition))
            for track in written.streams.audio
        ]
        assert tracks == [("jpn", "Original", 0), ("eng", "Commentary", 1)]
        assert len(written.chapters()) == 2
        lines = [bytes(packet) for packet in written.demux(subtitles=0) if packet.size]
        assert lines == [b"Hello"]
        assert written.metadata["title"] == "My run"
        assert [bytes(stream.data) for stream in written.streams.attachments] == [b"notes"]
    assert (clip.losses, writer.losses) == ([], [])


def test_frames_of_another_size_are_resized(tmp_path):
    part = write(tmp_path / "a.ts", squares(10)).read_bytes()
    path = tmp_path / "two.ts"
    path.write_bytes(part + write(tmp_path / "b.ts", squares(10, (64, 96))).read_bytes())
    target, clip, writer = copy_clip(path, tmp_path / "out")
    shapes = [frame.pixels.shape for frame in open_clip(target)]
    assert shapes == [(48, 64, 3)] * 20
    assert clip.damage == ""
    assert [loss.startswith("the size of frames") for loss in writer.losses] == [True]


@pytest.mark.parametrize("size", [(64, 96), (720, 1280)])
def test_grays_keep_their_mean(size, tmp_path):
    """A ramp of all grays, and random colors of large squares."""
    ramp = np.broadcast_to(np.linspace(0, 255, size[1])[None, :, None], (*size, 3))
    frames = [np.rint(ramp).astype(np.uint8), *squares(2, size)]
    path = tmp_path / "a.mkv"
    write(path, frames, codec="ffv1", pixel_format="bgr0")
    target, *_ = copy_clip(path, tmp_path / "out")
    weights = np.array([0.299, 0.587, 0.114])
    bias = [
        ((new.pixels.astype(float) - old.pixels) @ weights).mean()
        for old, new in zip(open_clip(path), open_clip(target), strict=True)
    ]
    assert abs(np.mean(bias)) < 0.1


def test_interlacing_is_noted(tmp_path):
    path = tmp_path / "tv.mkv"
    write(path, squares(6, (64, 64)), options={"x264-params": "tff=1"})
    clip = open_clip(path)
    list(clip)
    assert clip.losses == ["interlacing"]


def test_hdr_is_noted(tmp_path):
    path = write(
        tmp_path / "hdr.mkv", squares(3), pixel_format="yuv420p10le",
        color_trc=16, color_primaries=9, colorspace=9, color_range=1,
    )  # fmt: skip
    clip = open_clip(path)
    list(clip)
    assert clip.losses == ["HDR"]


def test_a_full_disk_leaves_nothing(tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3), dtype=np.uint8))
    path = write(tmp_path / "a.mkv", noise)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r".+"):
            copy_clip(path, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_longest_name_is_written(tmp_path):
    path = write(tmp_path / ("a" * 251 + ".mkv"), squares(3))
    target, *_ = copy_clip(path, tmp_path / "out")
    assert len(read_seconds(target)) == 3
    assert list((tmp_path / "out").iterdir()) == [target]


@pytest.fixture
def gray_colorizer(monkeypatch):
    """Leaves images as they are."""

    def load(run):
        return lambda image: image[..., :3]

    monkeypatch.setattr("gv_jax.inference.files.colorize_files.load_colorizer", load)


def test_the_batch_goes_on_behind_a_file_that_cannot_be_written(
    tmp_path, gray_colorizer, monkeypatch
):
    for name in ("a.mkv", "b.mkv"):
        write(tmp_path / name, squares(3))
    Image.fromarray(squares(1)[0]).save(tmp_path / "c.png")
    finish = MirrorWriter.finish

    def fail(self, whole):
        if self.path.name == "a.mkv":
            raise OSError(28, "No space left on device")
        finish(self, whole)

    monkeypatch.setattr(MirrorWriter, "finish", fail)
    with pytest.raises(UserError, match=r"a\.mkv: .*No space.* 2 files"):
        colorize_files(tmp_path, [tmp_path], tmp_path / "out", steady=False)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["b.mkv", "c.png"]


def test_what_is_lost_is_said_once(tmp_path, gray_colorizer):
    images = [Image.fromarray(frame) for frame in squares(2)]
    for name in ("a.webp", "b.webp"):
        images[0].save(tmp_path / name, save_all=True, append_images=images[1:], duration=50)
    outcome = colorize_files(tmp_path, [tmp_path], tmp_path / "out", steady=False)
    assert outcome.losses == {tmp_path / name: ("the loop",) for name in ("a.webp", "b.webp")}
    assert str(outcome).count("the loop") == 1
    assert outcome.exit_status == 0


def test_missing_frames_are_status_1(tmp_path):
    outcome = Outcome(tmp_path, 1, {tmp_path / "a.mkv": "is truncated"})
    assert outcome.exit_status == 1
    assert "a.mkv: is truncated" in str(outcome)
