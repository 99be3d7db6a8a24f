"""Writes clips with PyAV, and copies them with `MirrorWriter` without changing their frames."""

import math
from fractions import Fraction
from itertools import chain

import numpy as np

from gv_jax.data.clip_files import open_clip
from gv_jax.inference.video.video_file import MirrorWriter, output_suffix

RATE = 48_000


def squares(count, size=(48, 64), seed=0):
    """`count` frames uint8 [h w 3] of random squares, for exact comparison after compression."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    tile = np.ones((-(-size[0] // 4), -(-size[1] // 4), 1), np.uint8)
    return [np.kron(frame, tile)[: size[0], : size[1]] for frame in cells]


def add_video(container, av, size, codec="libx264", pixel_format="yuv420p", rate=20, **context):
    """A video stream whose time base is 1/1000 s."""
    stream = container.add_stream(codec, rate=rate, options=context.pop("options", None))
    stream.height, stream.width = size
    stream.pix_fmt = pixel_format
    stream.codec_context.time_base = Fraction(1, 1000)
    for name, value in context.items():
        setattr(stream.codec_context, name, value)
    return stream


def mux_frames(container, av, stream, frames, times):
    """Encodes frames at `times` in seconds, all of them."""
    for pixels, seconds in zip(frames, times, strict=True):
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=stream.pix_fmt)
        frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def mux_sound(container, av, stream, seconds, rate=RATE):
    """Encodes a tone of this many seconds."""
    for start in range(0, math.ceil(seconds * rate), 1024):
        wave = (8000 * np.sin(np.arange(start, start + 1024) / 9)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def copy_clip(source, folder):
    """(new file, clip, writer): a video with the frames of `source`, unchanged."""
    clip = open_clip(source)
    frames = iter(clip)
    first = next(frames)
    target = folder / f"{source.stem}{output_suffix(source)}"
    with MirrorWriter(clip, target) as writer:
        for frame in chain([first], frames):
            writer.write(frame, frame.pixels)
        writer.finish(whole=not clip.damage)
    return target, clip, writer


def read_seconds(path):
    """Times of the frames of a clip, which must be intact."""
    clip = open_clip(path)
    seconds = [frame.seconds for frame in clip]
    assert not clip.damage
    return seconds


def sound_end(path, av):
    """Seconds at which the last decoded sound of a file ends; 0 without sound."""
    end = 0.0
    with av.open(f"file:{path}") as container:
        if not container.streams.audio:
            return end
        for frame in container.decode(audio=0):
            if frame.pts is not None:
                end = max(end, float(frame.time) + frame.samples / frame.sample_rate)
    return end
