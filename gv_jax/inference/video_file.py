"""Writes a video with new frames, and the timing, size and sound of a source video."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from gv_jax.data.video import VideoFrame

CONTAINER_FORMATS = {  # output formats by suffix
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}
CONTAINER_CODECS = {"webm": ("libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "1"})}
DEFAULT_CODEC = ("libx264", {"crf": "16", "preset": "veryfast"})
HD_HEIGHT = 720  # pixels from which on videos use the colors of ITU-R BT.709 instead of BT.601
MATRIX_CODES = {"ITU709": 1, "ITU601": 6}  # ITU-T H.273


def output_suffix(source: Path) -> str:
    """Suffix of the output: that of the source, .mp4 for a GIF, else .mkv, which fits any sound."""
    suffix = source.suffix.lower()
    if suffix in CONTAINER_FORMATS:
        return suffix
    return ".mp4" if suffix == ".gif" else ".mkv"


class MirrorWriter:
    """A context manager that writes `path` with the timing and sound of `source`.

    The complete file appears at `path`, or none. Frames keep their times and the size of the first
    one; sound is copied packet by packet, as far as it can be read. The codec is H.264 of visually
    lossless quality, or VP9 in WebM. Chroma is subsampled (4:2:0) for compatibility with players,
    except in H.264 of odd sizes, which cannot be.

    Attributes:
        frames: Number of frames by the header of the source; 0 if unknown.
    """

    def __init__(self, source: Path, path: Path) -> None:
        import av  # an extra

        self.av, self.path = av, path
        self.partial = path.with_name(path.name + ".partial")
        self.source = av.open(str(source))
        stream = self.source.streams.video[0]
        self.frames: int = stream.frames
        self.frame_rate = to_fraction(stream.average_rate or stream.guessed_rate or Fraction(25))
        self.time_base = to_fraction(stream.time_base or 1 / self.frame_rate)
        self.pixel_aspect: Any = stream.sample_aspect_ratio
        path.parent.mkdir(parents=True, exist_ok=True)
        self.format = CONTAINER_FORMATS[path.suffix]
        self.output = av.open(str(self.partial), "w", format=self.format)
        self.video_stream: Any = None
        self.last_pts = -1
        self.audio_streams: dict[int, Any] = {}  # by index in the source
        self.audio_packets = self._read_audio()
        self.audio_time = -math.inf  # seconds at which the last copied packet begins

    def write(self, frame: VideoFrame, pixels: np.ndarray) -> None:
        """Writes `pixels`, uint8 [h w 3], at the time of `frame`."""
        self.video_stream = self.video_stream or self._add_streams(*pixels.shape[:2])
        self._copy_audio(frame.seconds)
        av_frame = self.av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
            format=self.video_stream.pix_fmt, dst_colorspace=color_standard(pixels.shape[0])
        )
        self.last_pts = max(round(frame.seconds / self.time_base), self.last_pts + 1)
        av_frame.pts, av_frame.time_base = self.last_pts, self.time_base
        av_frame.duration = max(round(1 / self.frame_rate / self.time_base), 1)
        self.output.mux(self.video_stream.encode(av_frame))

    def finish(self, whole: bool) -> None:
        """Completes the file.

        Args:
            whole: Whether to copy all remaining sound, not only that of the written frames.
        """
        self._copy_audio(math.inf if whole else float(self.last_pts * self.time_base))
        self.output.mux(self.video_stream.encode())
        self.output.close()
        self.partial.replace(self.path)

    def _add_streams(self, height: int, width: int) -> Any:
        """Adds the video stream, then the audio streams; returns the video stream."""
        codec, options = CONTAINER_CODECS.get(self.format, DEFAULT_CODEC)
        stream: Any = self.output.add_stream(codec, rate=self.frame_rate, options=dict(options))
        stream.height, stream.width = height, width
        is_odd = codec == DEFAULT_CODEC[0] and (height % 2 or width % 2)
        stream.pix_fmt = "yuv444p" if is_odd else "yuv420p"
        context = stream.codec_context
        context.time_base = self.time_base
        context.colorspace = MATRIX_CODES[color_standard(height)]
        context.color_range = 1
        if self.pixel_aspect:
            context.sample_aspect_ratio = self.pixel_aspect
        for audio in self.source.streams.audio:
            if audio.codec_context is not None:
                self.audio_streams[audio.index] = self.output.add_stream_from_template(audio)
        return stream

    def _read_audio(self) -> Iterator[Any]:
        """Yields the packets of all audio streams, up to where the file is damaged."""
        streams = [self.source.streams[index] for index in self.audio_streams]
        try:
            for packet in self.source.demux(streams) if streams else ():
                if packet.dts is not None:
                    yield packet
        except self.av.FFmpegError:
            return

    def _copy_audio(self, until: float) -> None:
        """Copies packets up to the first one that begins after `until` seconds."""
        while self.audio_time <= until and (packet := next(self.audio_packets, None)):
            self.audio_time = float(packet.dts * packet.time_base)
            packet.stream = self.audio_streams[packet.stream.index]
            self.output.mux(packet)

    def __enter__(self) -> "MirrorWriter":
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.source.close()
        if self.partial.exists():  # not finished
            self.output.close()
            self.partial.unlink()


def to_fraction(ratio: Any) -> Fraction:
    """A ratio of FFmpeg, which PyAV 19 no longer gives as a Fraction."""
    return Fraction(ratio.numerator, ratio.denominator)


def color_standard(height: int) -> str:
    """The standard of the conversion between RGB and YCbCr for a video of this height."""
    return "ITU709" if height >= HD_HEIGHT else "ITU601"
