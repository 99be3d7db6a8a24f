"""Frames of a video file, one after the other, however long it is."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.errors import UserError

VIDEO_SUFFIXES = (
    ".mp4",
    ".mkv",
    ".webm",
    ".avi",
    ".gif",
    ".mov",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ts",
    ".ogv",
    ".flv",
    ".wmv",
)
MAX_MISSING_S = 2.0  # seconds that a whole video may end before its header says
MAX_GAP_S = 0.25  # seconds between two frames above which some are missing


class CorruptVideoError(Exception):
    """The message says what is wrong with the file and leaves its name to the caller."""


@dataclass(frozen=True)
class VideoFrame:
    """number: from 0, in the order of showing. seconds: from the video's zero. pixels: uint8 [h w 3], sRGB."""

    number: int
    seconds: float
    pixels: np.ndarray


class Video:
    """Every `every`-th frame of the first picture track of a file, from the first on; whatever FFmpeg reads.

    Only one frame is in memory at a time. Of a damaged file come the frames before the damage, and `damage` says so
    after the last of them: "" for none. Concealed damage counts: the decoder stops where it would have to guess. Where
    FFmpeg finds its way again and guesses nothing (Matroska, WebM), the frames after a hole are given too.

    Raises:
        UserError: PyAV is not there.
        BrokenVideo: when read; no file, no video, or nothing in it that can be decoded.
    """

    def __init__(self, path: Path, every: int = 1):
        try:
            import av
        except ImportError:
            raise UserError("videos need PyAV to be read: pip install -e '.[video]'") from None
        self.av, self.path, self.every = av, path, every
        self.damage = ""

    def __iter__(self) -> Iterator[VideoFrame]:
        self.damage = ""
        try:
            container = self.av.open(str(self.path))
        except (self.av.FFmpegError, OSError, ValueError) as error:
            raise CorruptVideoError(f"is no video that can be read ({_reason(error)})") from error
        with container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:  # of the latter PyAV dies
                raise CorruptVideoError("holds no pictures that can be read")
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"err_detect": "explode"}
            yield from self._frames(container, stream)

    def _frames(self, container: Any, stream: Any) -> Iterator[VideoFrame]:
        number, end, holes = -1, 0.0, []
        try:
            for number, frame in enumerate(container.decode(stream)):
                if frame.is_corrupt:
                    self.damage = (
                        f"is damaged after {end:.1f} s; the {number:,} frames before are used"
                    )
                    return
                seconds = frame.time if frame.time is not None else end
                if number and seconds > end + MAX_GAP_S:
                    holes.append((seconds - end, end))
                end = seconds + float((frame.duration or 0) * (frame.time_base or 0))
                if number % self.every == 0:
                    yield VideoFrame(number, seconds, frame.to_ndarray(format="rgb24"))
        except self.av.FFmpegError as error:
            if number >= 0:
                self.damage = (
                    f"is damaged after {end:.1f} s ({_reason(error)}); the frames before are used"
                )
                return
            raise CorruptVideoError(
                f"has no frame that can be decoded ({_reason(error)})"
            ) from error
        if number < 0:
            raise CorruptVideoError("has no frame that can be decoded")
        whole = header_duration(container, stream)
        if end < whole - MAX_MISSING_S:
            self.damage = f"is cut short after {end:.1f} of {whole:.1f} s; the {number + 1:,} frames there are used"
        elif container.format.name == "gif" and not has_gif_trailer(self.path):
            self.damage = (
                f"is cut short after {end:.1f} s; the {number + 1:,} frames there are used"
            )
        elif holes:
            longest, after = max(holes)
            self.damage = (
                f"has {len(holes)} holes, the longest of {longest:.1f} s after {after:.1f} s"
            )


def header_duration(container: Any, stream: Any) -> float:
    """How long the header says that the pictures last, in seconds; 0 where it doesn't."""
    if stream.duration is None:
        return (container.duration or 0) / 1e6
    counted = float(stream.frames / stream.average_rate) if stream.average_rate else 0.0
    return max(float(stream.duration * stream.time_base), counted)


def has_gif_trailer(path: Path) -> bool:
    """Whether a GIF has its last byte, as a header says nothing of its length."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b";"


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error).strip()
