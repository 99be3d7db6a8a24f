"""Sound of a video: copied where the output format can hold it, else encoded anew."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gv_jax.data.media import import_av, open_media

ENCODERS = {"mp4": "aac", "mov": "aac", "webm": "libopus", "matroska": "libopus"}
BIT_RATE = 96_000  # per channel; a transparent rate of both encoders
DEFAULT_RATE = 48_000  # Hz
NUM_TRIED_PACKETS = 8
EDIT_LIST_FORMATS = ("mp4", "mov")  # hide what is before time 0
MAX_LEAD_IN_S = 0.1


class CopiedTrack:
    """Packets of a stream, copied to a stream of the output file."""

    def __init__(self, source: Any, output: Any) -> None:
        self.target = output.add_stream_from_template(source)
        self.last_dts: int | None = None
        self.has_edits = output.format.name in EDIT_LIST_FORMATS

    def convert(self, packet: Any) -> list[Any]:
        """The packets to write for one of the source."""
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is None or (packet.is_discard and not self._is_lead_in(packet)):
            return []
        if self.last_dts is not None and packet.dts <= self.last_dts:  # muxers reject these
            packet.dts = self.last_dts + 1
            packet.pts = max(packet.pts or packet.dts, packet.dts)
        self.last_dts = packet.dts
        packet.stream = self.target
        return [packet]

    def _is_lead_in(self, packet: Any) -> bool:
        """Whether a hidden packet prepares a decoder for the first one, in a format with edits."""
        start = packet.dts * packet.time_base
        return self.has_edits and -MAX_LEAD_IN_S <= start < 0

    def flush(self) -> list[Any]:
        return []


class EncodedSound:
    """Sound of a stream, encoded for a stream of the output file; damaged packets are skipped."""

    def __init__(self, source: Any, output: Any) -> None:
        self.av = import_av()
        self.rate, self.layout = choose_encoding(output.format.name, source.codec_context)
        self.target: Any = output.add_stream(ENCODERS[output.format.name], rate=self.rate)
        self.target.codec_context.layout = self.layout
        num_channels = len(self.av.AudioLayout(self.layout).channels)
        self.target.codec_context.bit_rate = BIT_RATE * num_channels
        self.resampler: Any = None
        self.source_format: tuple[Any, ...] = ()

    def convert(self, packet: Any) -> list[Any]:
        """The packets to write for one of the source."""
        try:
            frames = packet.decode()
        except self.av.FFmpegError:
            return []
        return [new for frame in frames for new in self._encode(frame)]

    def flush(self) -> list[Any]:
        """The packets that are still in the encoder."""
        if self.resampler is None:
            return []
        rest = [self.target.encode(frame) for frame in self.resampler.resample(None)]
        return [packet for packets in (*rest, self.target.encode(None)) for packet in packets]

    def _encode(self, frame: Any) -> list[Any]:
        frame_format = frame.format.name, frame.layout.name, frame.sample_rate
        if frame_format != self.source_format:
            self.source_format = frame_format
            self.resampler = self.av.AudioResampler(
                self.target.codec_context.format.name, self.layout, self.rate
            )
        return [
            packet
            for resampled in self.resampler.resample(frame)
            for packet in self.target.encode(resampled)
        ]


def choose_encoding(container_format: str, context: Any) -> tuple[int, str]:
    """Sample rate in Hz and channel layout of new sound: those of the old, if the encoder can."""
    av = import_av()
    name = ENCODERS[container_format]
    rates = av.Codec(name, "w").audio_rates or [DEFAULT_RATE]
    rate = context.sample_rate if context.sample_rate in rates else DEFAULT_RATE
    layouts = [context.layout.name, {1: "mono"}.get(context.layout.nb_channels, "stereo")]
    for layout in layouts:
        try:
            encoder = av.CodecContext.create(name, "w")
            encoder.sample_rate, encoder.layout = rate, layout
            encoder.format = av.Codec(name, "w").audio_formats[0].name
            encoder.open()
        except (av.FFmpegError, ValueError):
            continue
        return rate, layout
    return DEFAULT_RATE, "stereo"


def can_hold(path: Path, index: int, container_format: str) -> bool:
    """Whether a container format can hold stream `index` of a file: tries it in memory.

    Tables of formats and codecs say less: MP4 takes some codecs that nothing reads back.
    """
    av = import_av()
    with open_media(path) as source:
        is_readable = gives_sound(source, source.streams[index])
    buffer = io.BytesIO()
    try:
        with open_media(path) as source, av.open(buffer, "w", format=container_format) as output:
            stream = source.streams[index]
            track, kind = CopiedTrack(stream, output), stream.type
            for packet in iter_first_packets(source, stream):
                output.mux(track.convert(packet))
        buffer.seek(0)
        with av.open(buffer) as written:
            copy = written.streams[0]
            is_same = copy.type == kind and copy.codec_context is not None
            return is_same and (not is_readable or gives_sound(written, copy))
    except (av.FFmpegError, ValueError, IndexError):
        return False


def gives_sound(container: Any, stream: Any) -> bool:
    """Whether any of the first packets of a stream of sound can be decoded."""
    av = import_av()
    if stream.type != "audio":
        return False
    for packet in iter_first_packets(container, stream):
        try:
            if packet.decode():
                return True
        except av.FFmpegError:
            continue
    return False


def iter_first_packets(container: Any, stream: Any) -> Iterator[Any]:
    """Yields packets up to NUM_TRIED_PACKETS that are shown; an edit list may hide those before."""
    num_shown = 0
    for packet in container.demux(stream):
        yield packet
        num_shown += not packet.is_discard
        if num_shown == NUM_TRIED_PACKETS:
            return
