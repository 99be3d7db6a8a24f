"""Every container, sound codec and pixel format that the installed FFmpeg writes and reads back."""

from fractions import Fraction

import numpy as np
import pytest

from tests.inference.clip_writing import copy_clip, read_seconds, sound_end, squares

av = pytest.importorskip("av")
pytestmark = pytest.mark.slow
SECONDS, FRAME_RATE, SIZE = 0.3, 20, (48, 64)

SOUND_CODECS = (
    *("aac", "ac3", "eac3", "alac", "flac", "libmp3lame", "mp2", "libopus", "opus", "vorbis"),
    *("wmav1", "wmav2", "adpcm_ms", "adpcm_ima_wav", "adpcm_swf", "adpcm_yamaha", "pcm_alaw"),
    *("pcm_mulaw", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_f32le", "pcm_u8", "wavpack"),
    *("truehd", "dca", "libspeex", "g722", "libvorbis"),
)
VIDEO_CODECS = {  # container format -> suffix, video codec
    "mp4": (".mp4", "libx264"),
    "mov": (".mov", "libx264"),
    "matroska": (".mkv", "libx264"),
    "webm": (".webm", "libvpx"),
    "avi": (".avi", "mpeg4"),
    "mpegts": (".ts", "libx264"),
    "mpeg": (".mpg", "mpeg2video"),
    "flv": (".flv", "flv"),
    "asf": (".wmv", "wmv2"),
    "ogg": (".ogv", "libtheora"),
    "3gp": (".3gp", "libx264"),
    "nut": (".nut", "mpeg4"),
    "mxf": (".mxf", "mpeg2video"),
}
PIXEL_CODECS = ("libx264", "ffv1", "libx265", "prores_ks", "png", "qtrle", "mjpeg", "rawvideo")
PIXEL_FORMATS = (
    *("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuva420p", "yuva444p10le", "yuv420p10le"),
    *("yuv422p10le", "yuv444p12le", "gray", "gray10le", "gray16be", "ya8", "rgb24", "rgba"),
    *("bgr0", "gbrp", "gbrap", "rgb48be", "argb", "pal8", "nv12", "yuyv422", "rgb555le", "monob"),
)


def write_clip(path, container_format, video_codec, pixel_format, sound_codec):
    """A clip of SECONDS; None if this FFmpeg cannot write it, or read what it wrote."""
    try:
        with av.open(str(path), "w", format=container_format) as container:
            stream = container.add_stream(video_codec, rate=FRAME_RATE)
            stream.height, stream.width = SIZE
            stream.pix_fmt = pixel_format
            sound = sound_codec and container.add_stream(
                sound_codec, rate=48000, layout="mono", bit_rate=64_000
            )
            frames = squares(round(SECONDS * FRAME_RATE), SIZE)
            packets = [
                packet
                for pixels in frames
                for packet in stream.encode(
                    av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=pixel_format)
                )
            ]
            container.mux([*packets, *stream.encode()])
            if sound:
                container.mux([*encode_tone(sound), *sound.encode()])
        with av.open(str(path)) as container:
            readable = len(list(container.decode(video=0))) == len(frames)
        plausible = not sound or SECONDS / 2 < sound_end(path, av) < 4 * SECONDS
        return path if readable and plausible else None
    # What PyAV raises for combinations that this FFmpeg cannot write or read.
    except (av.FFmpegError, ValueError, NotImplementedError, IndexError, TypeError):
        return None


def encode_tone(stream):
    """Yields packets of a tone of SECONDS."""
    wave = (8000 * np.sin(np.arange(round(SECONDS * 48000)) / 9)).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    yield from stream.encode(frame)


def check_copy(path, folder, has_sound):
    """Frames, times, colors, and sound or a remark."""
    target, clip, writer = copy_clip(path, folder)
    assert not clip.damage
    before, after = read_seconds(path), read_seconds(target)
    assert len(after) == len(before)
    offset = after[0] - before[0]  # other sound may begin elsewhere on the clock of the file
    assert abs(offset) < 0.1
    np.testing.assert_allclose(after, np.array(before) + offset, atol=2e-3)
    if has_sound:
        said = any("sound" in loss for loss in writer.losses)
        end = sound_end(target, av)
        assert end or said
        if end:
            assert end - after[-1] == pytest.approx(sound_end(path, av) - raw_end(path), abs=0.12)


def raw_end(path):
    """Seconds of the last frame on the clock of the file."""
    with av.open(str(path)) as container:
        return max(frame.time for frame in container.decode(video=0))


@pytest.mark.parametrize("container_format", VIDEO_CODECS)
def test_every_sound_codec(container_format, tmp_path):
    suffix, video_codec = VIDEO_CODECS[container_format]
    num_checked = 0
    for codec in SOUND_CODECS:
        path = tmp_path / f"{codec}{suffix}"
        if write_clip(path, container_format, video_codec, "yuv420p", codec):
            check_copy(path, tmp_path / "out", has_sound=True)
            num_checked += 1
    if not num_checked:
        pytest.skip("this FFmpeg writes no sound in it")


@pytest.mark.parametrize("container_format", ["matroska", "mov", "avi"])
def test_every_pixel_format(container_format, tmp_path):
    suffix, _ = VIDEO_CODECS[container_format]
    num_checked = 0
    for codec in PIXEL_CODECS:
        for pixel_format in PIXEL_FORMATS:
            path = tmp_path / f"{codec}-{pixel_format}{suffix}"
            if write_clip(path, container_format, codec, pixel_format, None):
                check_copy(path, tmp_path / "out", has_sound=False)
                num_checked += 1
    assert num_checked > 5
