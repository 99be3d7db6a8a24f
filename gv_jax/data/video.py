"""Frames of a video file, decoded one at a time."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.errors import UserError

VIDEO_SUFFIXES = (
    *(".mp4", ".mkv", ".webm", ".avi", ".gif", ".mov", ".m4v"),
    *(".mpg", ".mpeg", ".ts", ".ogv", ".flv", ".wmv"),
)
MAX_MISSING_S = 2.0  # seconds an intact video may end before the duration in its header
MAX_GAP_S = 0.25  # seconds between two frames of an intact video


class CorruptVideoError(Exception):
    """Says what is wrong with a file; the caller adds its name."""


@dataclass(frozen=True)
class VideoFrame:
    """index: in display order, from 0. seconds: presentation time. pixels: uint8 [h w 3], sRGB."""

    index: int
    seconds: float
    pixels: np.ndarray


class Video:
    """Iterates over every `frame_stride`-th frame of the first video stream of a file.

    Reads whatever FFmpeg reads, one frame at a time. Of a damaged file it yields the frames before
    the damage and then sets `damage`, which is "" for an intact file. The decoder stops instead of
    concealing errors. Where FFmpeg can resume after a gap (Matroska, WebM), the frames after the
    gap are yielded too.

    Raises:
        UserError: PyAV is not installed.
        CorruptVideoError: while iterating; no file, no video stream, or no frame that decodes.
    """

    def __init__(self, path: Path, frame_stride: int = 1):
        try:
            import av
        except ImportError:
            raise UserError("Reading videos requires PyAV: pip install -e '.[video]'") from None
        self.av, self.path, self.frame_stride = av, path, frame_stride
        self.damage = ""

    def __iter__(self) -> Iterator[VideoFrame]:
        self.damage = ""
        try:
            container = self.av.open(str(self.path))
        except (self.av.FFmpegError, OSError, ValueError) as error:
            raise CorruptVideoError(f"cannot be opened as a video ({_reason(error)})") from error
        with container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:  # PyAV crashes without a context
                raise CorruptVideoError("has no video stream that can be decoded")
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"err_detect": "explode"}
            yield from self._decode(container, stream)

    def _decode(self, container: Any, stream: Any) -> Iterator[VideoFrame]:
        index, end, gaps = -1, 0.0, []
        try:
            for index, frame in enumerate(container.decode(stream)):
                if frame.is_corrupt:
                    self.damage = (
                        f"is damaged after {end:.1f} s; the first {index:,} frames are used"
                    )
                    return
                seconds = frame.time if frame.time is not None else end
                if index and seconds > end + MAX_GAP_S:
                    gaps.append((seconds - end, end))
                end = seconds + float((frame.duration or 0) * (frame.time_base or 0))
                if index % self.frame_stride == 0:
                    yield VideoFrame(index, seconds, frame.to_ndarray(format="rgb24"))
        except self.av.FFmpegError as error:
            if index < 0:
                raise CorruptVideoError(
                    f"has no frame that can be decoded ({_reason(error)})"
                ) from error
            self.damage = (
                f"is damaged after {end:.1f} s ({_reason(error)}); the first {index + 1:,} frames "
                "are used"
            )
            return
        if index < 0:
            raise CorruptVideoError("has no frame that can be decoded")
        self.damage = self._find_truncation(container, stream, end, index + 1)
        if gaps and not self.damage:
            longest, start = max(gaps)
            self.damage = f"has {len(gaps)} gaps, the longest of {longest:.1f} s at {start:.1f} s"

    def _find_truncation(self, container: Any, stream: Any, end: float, count: int) -> str:
        duration = header_duration(container, stream)
        if end < duration - MAX_MISSING_S:
            return f"is truncated after {end:.1f} of {duration:.1f} s; {count:,} frames are used"
        if container.format.name == "gif" and not has_gif_trailer(self.path):
            return f"is truncated after {end:.1f} s; {count:,} frames are used"
        return ""


def header_duration(container: Any, stream: Any) -> float:
    """Duration of the video stream in seconds according to the header; 0 if unknown."""
    if stream.duration is None:
        return (container.duration or 0) / 1e6
    counted = float(stream.frames / stream.average_rate) if stream.average_rate else 0.0
    return max(float(stream.duration * stream.time_base), counted)


def has_gif_trailer(path: Path) -> bool:
    """Whether a GIF ends with its trailer byte; its header does not state a length."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b";"


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error).strip()
