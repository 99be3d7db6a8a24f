"""Frames of a video file, decoded one at a time."""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.data.frame_pixels import HDR_TRANSFERS, decode_rgb, read_display_matrix
from gv_jax.data.media import (
    CorruptVideoError,
    find_reason,
    import_av,
    is_moving,
    open_media,
    select_video,
)
from gv_jax.data.timeline import Timeline, scan_timeline
from gv_jax.wording import count_noun

REORDERING_CODECS = ("h264", "hevc")


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a clip.

    Attributes:
        index: In display order, from 0.
        seconds: Presentation time; a file begins at 0 on the clock of its sound.
        pixels: uint8 [h w 3], sRGB, upright.
        duration: Seconds; 0 if unknown.
    """

    index: int
    seconds: float
    pixels: np.ndarray
    duration: float = 0.0


class Video:
    """Iterates over every `frame_stride`-th frame of the first video stream of a file.

    Reads whatever FFmpeg reads, one frame at a time. Of a damaged file it yields the frames before
    the damage and then sets `damage`, which is "" for an intact file. The decoder stops instead of
    concealing errors. Where FFmpeg can resume after a gap (Matroska, WebM), the frames after the
    gap are yielded too.

    Attributes:
        damage: What is missing.
        losses: What RGB frames do not preserve, such as "HDR".
        timeline: Times of all packets; read on first use.
        is_transposed: Whether height and width of the frames are those of the stream, swapped.

    Raises:
        UserError: PyAV is not installed.
        CorruptVideoError: while iterating; no file, no video stream, or no frame that decodes.
    """

    def __init__(self, path: Path, frame_stride: int = 1):
        self.av, self.path, self.frame_stride = import_av(), path, frame_stride
        self.damage = ""
        self.losses: list[str] = []
        self.is_transposed = False
        self._timeline: Timeline | None = None

    @property
    def timeline(self) -> Timeline:
        if self._timeline is None:
            self._timeline = scan_timeline(self.path)
        return self._timeline

    def __iter__(self) -> Iterator[VideoFrame]:
        self.damage, self.losses = "", []
        timeline = self.timeline
        with open_media(self.path) as container:
            stream = select_video(container)
            stream.thread_type = "AUTO"
            stream.codec_context.options = {"err_detect": "explode"}
            self.losses += find_stream_losses(self.path, container, stream)
            yield from self._decode(container, stream, timeline)

    def _decode(self, container: Any, stream: Any, timeline: Timeline) -> Iterator[VideoFrame]:
        count, end, start = 0, 0.0, 0.0
        try:
            for frame in _decode_packets(container, stream, timeline):
                if frame.is_corrupt:
                    self.damage = f"is damaged after {end:.1f} s; {_first_frames(count)}"
                    return
                if count == 0:
                    self._inspect(frame)
                    start = min(frame.time or 0.0, 0.0)
                    timeline.origin += start
                seconds = frame.time - start if frame.time is not None else end
                duration = float((frame.duration or 0) * (frame.time_base or 0))
                if count % self.frame_stride == 0:
                    pixels, is_transparent = decode_rgb(frame)
                    if is_transparent and "transparency" not in self.losses:
                        self.losses.append("transparency")
                    yield VideoFrame(count, seconds, pixels, duration)
                count, end = count + 1, seconds + duration
        except (self.av.FFmpegError, ValueError) as error:
            reason = find_reason(error)
            if not count:
                raise CorruptVideoError(f"has no frame that can be decoded ({reason})") from error
            self.damage = f"is damaged after {end:.1f} s ({reason}); {_first_frames(count)}"
            return
        if not count:
            raise CorruptVideoError("has no frame that can be decoded")
        self.damage = self._find_missing(container, timeline, end, count)

    def _inspect(self, frame: Any) -> None:
        """Notes what decoding to RGB loses, and whether the frame is turned by 90 degrees."""
        if frame.color_trc in HDR_TRANSFERS:
            self.losses.append("HDR")
        elif max((component.bits for component in frame.format.components), default=8) > 8:
            self.losses.append("more than 8 bits per channel")
        if frame.interlaced_frame:
            self.losses.append("interlacing")
        matrix = read_display_matrix(frame)
        self.is_transposed = matrix is not None and matrix[0, 0] == 0

    def _find_missing(self, container: Any, timeline: Timeline, end: float, count: int) -> str:
        if timeline.expected_s:
            return (
                f"is truncated after {end:.1f} of {timeline.expected_s:.1f} s; "
                f"{_first_frames(count)}"
            )
        if container.format.name == "gif" and not has_gif_trailer(self.path):
            return f"is truncated after {end:.1f} s; {_first_frames(count)}"
        if timeline.gaps:
            start, longest = max(timeline.gaps, key=lambda gap: gap[1])
            gaps = count_noun(len(timeline.gaps), "gap")
            return f"has {gaps}, the longest of {longest:.1f} s at {start:.1f} s"
        return ""


def _decode_packets(container: Any, stream: Any, timeline: Timeline) -> Iterator[Any]:
    """Frames of PyAV at their continuous times."""
    number = 0
    # AVI stores no presentation times: frames that were reordered get those of the packets in order
    reorders = container.format.name == "avi" and stream.codec_context.name in REORDERING_CODECS
    times: deque[int] = deque()
    for packet in container.demux(stream):
        if packet.size:
            timeline.shift(packet, number)
            number += 1
            if reorders and packet.dts is not None:
                times.append(packet.dts)
        for frame in packet.decode():
            if times:
                frame.pts = times.popleft()
            yield frame


def _first_frames(count: int) -> str:
    return "the first frame is used" if count == 1 else f"the first {count:,} frames are used"


def find_stream_losses(path: Path, container: Any, stream: Any) -> list[str]:
    """What a file has besides its main video stream that is no sound and no subtitle."""
    others = [other for other in container.streams.video if other.index != stream.index]
    losses = []
    if container.format.name == "gif" and is_looped_gif(path):
        losses.append("the loop")
    if any(is_moving(other) for other in others):
        losses.append("other video tracks")
    if any(not is_moving(other) for other in others):
        losses.append("the cover image")
    return losses


def is_looped_gif(path: Path) -> bool:
    """Whether a GIF is to be shown more than once, by its application extension."""
    with path.open("rb") as file:
        return b"NETSCAPE2.0" in file.read(1024)


def has_gif_trailer(path: Path) -> bool:
    """Whether a GIF ends with its trailer byte; its header does not state a length."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b";"
