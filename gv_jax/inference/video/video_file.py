"""Writes a video with new frames, and everything else of a source clip."""

import math
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from gv_jax.data.animation import ANIMATED_SUFFIXES, Animation
from gv_jax.data.frame_pixels import CONVERSION_FLAGS, color_standard
from gv_jax.data.media import import_av, open_media, select_video, to_fraction
from gv_jax.data.video import Video, VideoFrame
from gv_jax.inference.partial_file import write_partial
from gv_jax.inference.video.tracks import Tracks, find_lost_metadata

CONTAINER_FORMATS = {  # output formats by suffix
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}
CONTAINER_CODECS = {"webm": ("libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "1"})}
# Without B-frames the last packet is the last frame, and its duration is that of the frame.
DEFAULT_CODEC = ("libx264", {"crf": "16", "preset": "veryfast", "bf": "0"})
MATRIX_CODES = {"ITU709": 1, "ITU601": 6}  # ITU-T H.273
MAX_TICK = Fraction(1, 1000)  # seconds; times of frames are multiples of at most this
FRAME_DURATION_FLAG = 1 << 8  # FFmpeg: packets get the durations of frames


def output_suffix(source: Path) -> str:
    """Suffix of the output: that of the source if it can be written, else .mp4 or .mkv.

    .mp4 for animated images, which have no sound; else .mkv, which fits any sound.
    """
    suffix = source.suffix.lower()
    if suffix in CONTAINER_FORMATS:
        return suffix
    return ".mp4" if suffix in ANIMATED_SUFFIXES else ".mkv"


class MirrorWriter:
    """A context manager that writes `path` with the timing, sound and subtitles of a clip.

    The complete file appears at `path`, or none. Frames keep their times and have the size of the
    first one. Sound and subtitles are copied packet by packet, as far as they can be read; sound
    that the format of `path` cannot hold is encoded anew. The codec is H.264 of visually lossless
    quality, or VP9 in WebM. Chroma is subsampled (4:2:0) for compatibility with players, except in
    H.264 of odd sizes, which cannot be.

    Args:
        clip: The clip, of which the first frame has been read.
        path: The file to write; its suffix is one of CONTAINER_FORMATS.

    Attributes:
        frames: Number of frames by the header of the source; 0 if unknown.
        losses: What the file does not preserve, besides what the frames do not.
    """

    def __init__(self, clip: Video | Animation, path: Path) -> None:
        self.av, self.clip, self.path = import_av(), clip, path
        self.format = CONTAINER_FORMATS[path.suffix]
        self.frames = 0
        self.losses: list[str] = []
        self.frame_rate, self.time_base = Fraction(25), MAX_TICK
        self.pixel_aspect: Any = None
        self.source_video: Any = None
        self.tracks: Tracks | None = None
        self.packets: Any = iter(())
        self.video_stream: Any = None
        self.size = 0, 0
        self.last_pts, self.end = -1, 0.0
        self.packet_time = -math.inf  # seconds at which the last copied packet begins

    def __enter__(self) -> "MirrorWriter":
        with ExitStack() as stack:
            self.partial = stack.enter_context(write_partial(self.path))
            if isinstance(self.clip, Video):
                self.source = stack.enter_context(open_media(self.clip.path))
                self._read_header(select_video(self.source))
            self.output = self.av.open(f"file:{self.partial}", "w", format=self.format)
            self.stack = stack.pop_all()
        return self

    def write(self, frame: VideoFrame, pixels: np.ndarray) -> None:
        """Writes `pixels`, uint8 [h w 3], at the time of `frame`."""
        self.video_stream = self.video_stream or self._add_streams(*pixels.shape[:2])
        if pixels.shape[:2] != self.size:
            pixels = self._fit(frame, pixels)
        self._copy_packets(frame.seconds)
        av_frame = self.av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
            format=self.video_stream.pix_fmt,
            dst_colorspace=color_standard(*self.size),
            interpolation=CONVERSION_FLAGS,
        )
        duration = frame.duration or float(1 / self.frame_rate)
        self.last_pts = max(round(frame.seconds / self.time_base), self.last_pts + 1)
        self.end = float(self.last_pts * self.time_base) + duration
        av_frame.pts, av_frame.time_base = self.last_pts, self.time_base
        av_frame.duration = max(round(duration / self.time_base), 1)
        self.output.mux(self.video_stream.encode(av_frame))

    def finish(self, whole: bool) -> None:
        """Completes the file.

        Args:
            whole: Whether to copy all remaining sound, not only that of the written frames.
        """
        self._copy_packets(math.inf if whole else self.end)
        self.output.mux(self.video_stream.encode())
        if self.tracks:
            for packet in self.tracks.flush():
                self.output.mux(packet)
        indices = {self.source_video.index: 0} if self.tracks else {}
        for index, track in self.tracks.tracks.items() if self.tracks else ():
            indices[index] = track.target.index
        self.output.close()
        if self.tracks:
            self.losses += self.tracks.losses
            self.losses += find_lost_metadata(self.clip.path, self.partial, indices)

    def _read_header(self, stream: Any) -> None:
        self.source_video, self.frames = stream, stream.frames
        self.frame_rate = to_fraction(stream.average_rate or stream.guessed_rate or Fraction(25))
        time_base = to_fraction(stream.time_base or 1 / self.frame_rate)
        self.time_base = time_base / max(math.ceil(time_base / MAX_TICK), 1)
        if stream.sample_aspect_ratio:
            aspect = to_fraction(stream.sample_aspect_ratio)
            self.pixel_aspect = 1 / aspect if self.clip.is_transposed and aspect else aspect

    def _add_streams(self, height: int, width: int) -> Any:
        """Adds the video stream, then the others; returns the video stream."""
        codec, options = CONTAINER_CODECS.get(self.format, DEFAULT_CODEC)
        stream: Any = self.output.add_stream(codec, rate=self.frame_rate, options=dict(options))
        self.size = stream.height, stream.width = height, width
        is_odd = codec == DEFAULT_CODEC[0] and (height % 2 or width % 2)
        stream.pix_fmt = "yuv444p" if is_odd else "yuv420p"
        context = stream.codec_context
        context.time_base = self.time_base
        context.flags |= FRAME_DURATION_FLAG
        context.colorspace = MATRIX_CODES[color_standard(height, width)]
        context.color_range = 1
        if self.pixel_aspect:
            context.sample_aspect_ratio = self.pixel_aspect
        if isinstance(self.clip, Video):
            self.tracks = Tracks(self.clip.path, self.source, self.output, self.clip.timeline)
            self.tracks.add_all(self.source_video, stream)
            self.packets = self.tracks.read_packets()
        return stream

    def _fit(self, frame: VideoFrame, pixels: np.ndarray) -> np.ndarray:
        """Resizes a frame to the size of the first one."""
        height, width = self.size
        if not any(loss.startswith("the size") for loss in self.losses):
            self.losses.append(
                f"the size of frames from {frame.seconds:.1f} s on (resized to {width}x{height})"
            )
        return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))

    def _copy_packets(self, until: float) -> None:
        """Writes packets up to the first one that begins after `until` seconds."""
        while self.packet_time <= until and (item := next(self.packets, None)):
            self.packet_time, packets = item
            for packet in packets:
                self.output.mux(packet)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error_type is not None:
            with suppress(self.av.FFmpegError, OSError, ValueError):  # the file is removed
                self.output.close()
        self.stack.__exit__(error_type, error, traceback)
