"""Times of the packets of a video file, found without decoding.

Recordings that were appended to each other restart their clock. FFmpeg reports the times of every
part as they are stored; a `Timeline` holds what has to be added to make them continuous.
"""

import os
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from gv_jax.data.media import import_av, open_media, select_video

MAX_BACKWARD_S = 0.1  # seconds a clock may run backward; reordered packets do
MAX_FORWARD_S = 10  # seconds without a packet after which a broadcast clock has restarted
MAX_GAP_S = 0.25  # seconds between two frames, beyond which lost bytes count as lost frames
MAX_OVERHEAD = 512  # bytes between two packets that are no packet, such as the header of a cluster
RESUMED_FORMATS = ("matroska",)  # FFmpeg skips damaged parts of these and goes on behind them
# formats whose header states the duration; that of the others is measured, or estimated
HEADER_FORMATS = ("matroska", "mov", "avi", "asf", "flv", "mxf", "nut")
EBML_ID, SEGMENT_ID = b"\x1aE\xdf\xa3", b"\x18S\x80g"
MAX_MISSING_S = 2.0  # seconds an intact file may end before the duration in its header


@dataclass
class StreamClock:
    """Packets of one stream.

    Attributes:
        starts: Number of the first packet of each part, and what to add to its times in seconds.
        count: Number of packets.
        last: Continuous time of the last packet in seconds.
        end: Continuous time of its end in seconds.
    """

    starts: list[tuple[int, float]] = field(default_factory=lambda: [(0, 0.0)])
    count: int = 0
    last: float | None = None
    end: float = 0.0

    def offset(self, number: int) -> float:
        """Seconds to add to the times of packet `number`."""
        return self.starts[bisect_right(self.starts, number, key=lambda start: start[0]) - 1][1]


@dataclass
class Timeline:
    """Continuous times of all streams of a file.

    Attributes:
        clocks: By index of the stream.
        origin: Continuous time in seconds at which the file begins; 0 unless its clock is ahead.
        gaps: (start, length) in seconds of missing frames of the video stream.
        expected_s: Duration in the header in seconds if the packets end before it, else 0.
    """

    clocks: dict[int, StreamClock]
    origin: float = 0.0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    expected_s: float = 0.0

    def shift(self, packet: Any, number: int) -> None:
        """Moves packet `number` of its stream to its continuous time, counted from the origin."""
        clock = self.clocks.get(packet.stream_index)
        seconds = (clock.offset(number) if clock else 0.0) - self.origin
        ticks = round(seconds / packet.time_base) if seconds else 0
        if ticks and packet.pts is not None:
            packet.pts += ticks
        if ticks and packet.dts is not None:
            packet.dts += ticks


def scan_timeline(path: Path) -> Timeline:
    """Reads all packets of a file, up to where it is damaged.

    Raises:
        CorruptVideoError: It cannot be opened, or has no video stream.
    """
    av = import_av()
    with open_media(path) as container:
        scan = _Scan(container, select_video(container).index, is_shortened(path))
        try:
            for packet in container.demux():
                if packet.size and packet.stream_index in scan.clocks:
                    scan.add(packet)
        except av.FFmpegError:
            pass  # whoever decodes the file reports the damage
        return scan.finish(container)


class _Scan:
    """State of `scan_timeline`.

    Args:
        container: The opened file.
        video: Index of the video stream.
        is_shortened: Whether the file is known to lack bytes.
    """

    def __init__(self, container: Any, video: int, is_shortened: bool) -> None:
        self.video, self.is_shortened = video, is_shortened
        self.clocks = {stream.index: StreamClock() for stream in container.streams}
        self.has_clock = {
            stream.index for stream in container.streams if stream.type in ("audio", "video")
        }
        self.name = container.format.name.partition(",")[0]
        av = import_av()
        self.is_broadcast = bool(container.format.flags & av.format.Flags.ts_discont.value)
        self.parts = [0.0]  # seconds to add in each part
        self.end = 0.0  # of all streams
        self.starts: dict[int, float] = {}  # of sound and video
        self.bytes_end = -1
        self.video_end: float | None = None  # of the frames so far
        self.gaps: list[tuple[float, float]] = []

    def add(self, packet: Any) -> None:
        clock = self.clocks[packet.stream_index]
        clock.count += 1
        if packet.is_discard:
            return
        base = float(packet.time_base)
        if packet.pts is not None and packet.stream_index in self.has_clock:
            self.starts.setdefault(packet.stream_index, packet.pts * base)
        if packet.dts is None:
            return
        time, duration = packet.dts * base, (packet.duration or 0) * base
        delay = (packet.pts - packet.dts) * base if packet.pts is not None else 0.0
        if packet.stream_index in self.has_clock:
            self._find_part(clock, time)
        elif clock.starts[-1][1] != self.parts[-1]:  # subtitles and data follow the others
            clock.starts.append((clock.count - 1, self.parts[-1]))
        clock.last = time = time + clock.starts[-1][1]
        clock.end = time + duration
        shown = time + delay
        self.end = max(self.end, shown + duration)
        is_lossy = self._has_lost_bytes(packet) or self.is_shortened
        if packet.stream_index == self.video:
            if self.video_end is not None and is_lossy and shown > self.video_end + MAX_GAP_S:
                self.gaps.append((self.video_end, shown - self.video_end))
            self.video_end = max(self.video_end or 0.0, shown + duration)

    def _find_part(self, clock: StreamClock, time: float) -> None:
        """Moves the clock on to the part in which `time` follows its last packet."""
        part = self.parts.index(clock.starts[-1][1])
        while self._restarts(clock, time + self.parts[part]):
            part += 1
            if part == len(self.parts):
                self.parts.append(self.end - time)
                break
        if clock.starts[-1][1] != self.parts[part]:
            clock.starts.append((clock.count - 1, self.parts[part]))

    def _restarts(self, clock: StreamClock, time: float) -> bool:
        if clock.last is None:
            return False
        is_forward = self.is_broadcast and time > clock.end + MAX_FORWARD_S
        return is_forward or time < clock.last - MAX_BACKWARD_S

    def _has_lost_bytes(self, packet: Any) -> bool:
        """Whether more bytes before the packet belong to none than headers take."""
        if self.name not in RESUMED_FORMATS or packet.pos is None or packet.pos < 0:
            return False
        lost = packet.pos - self.bytes_end if self.bytes_end >= 0 else 0
        self.bytes_end = max(self.bytes_end, packet.pos + packet.size)
        return lost > MAX_OVERHEAD

    def finish(self, container: Any) -> Timeline:
        # the first packets too, as FFmpeg's start may be later than that of a stream
        start = min([(container.start_time or 0) / 1e6, *self.starts.values()])
        timeline = Timeline(self.clocks, max(start, 0.0), self.gaps)
        duration = (container.duration or 0) / 1e6
        video = container.streams[self.video]
        if self.name == "avi" and video.average_rate:  # FFmpeg derives it from the file's size
            duration = max(duration, float(video.frames / video.average_rate))
        if self.name in HEADER_FORMATS and self.end - start < duration - MAX_MISSING_S:
            timeline.expected_s = duration
        return timeline


def is_shortened(path: Path) -> bool:
    """Whether a Matroska file is shorter than its header states."""
    with path.open("rb") as file:
        if file.read(4) != EBML_ID:
            return False
        file.seek(_read_size(file) or 0, os.SEEK_CUR)
        if file.read(4) != SEGMENT_ID:
            return False
        size = _read_size(file)
        return size is not None and file.tell() + size > path.stat().st_size


def _read_size(file: BinaryIO) -> int | None:
    """The size of an EBML element; None if it is unknown (RFC 8794, section 6.2)."""
    first = file.read(1)
    length = 9 - first[0].bit_length() if first and first[0] else 0
    data = first + file.read(length - 1) if length else b""
    if not length or len(data) != length:
        return None
    ones = (1 << 7 * length) - 1
    size = int.from_bytes(data, "big") & ones
    return None if size == ones else size
