"""What a video file has besides its frames, carried over to a file with new frames."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from gv_jax.data.media import import_av, open_media
from gv_jax.data.timeline import Timeline
from gv_jax.inference.video.audio import CopiedTrack, EncodedSound, can_hold, gives_sound

WRITER_KEYS = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration")
STREAM_KEYS = ("language", "title")
NO_LANGUAGE = ("", "und")
DEFAULT = 1  # FFmpeg's disposition of a track that players select


@dataclass
class Tracks:
    """Sound, subtitles, attachments, chapters and titles of a source file.

    Attributes:
        source: The opened source file.
        output: The file to write; its video stream comes first.
        losses: What it does not preserve.
    """

    path: Path
    source: Any
    output: Any
    timeline: Timeline
    losses: list[str] = field(default_factory=list)
    tracks: dict[int, CopiedTrack | EncodedSound] = field(default_factory=dict)

    def add_all(self, source_video: Any, video: Any) -> None:
        """Adds all streams, titles and chapters to the output, before the first frame."""
        copy_stream_metadata(source_video, video)
        for stream in self.source.streams:
            if stream.type == "audio":
                self._add_sound(stream)
            elif stream.type == "subtitle":
                self._add_subtitles(stream)
            elif stream.type == "attachment":
                self._add_attachment(stream)
            elif stream.type == "data" and self._count(stream):
                self._lose("data tracks")
        for index, track in self.tracks.items():
            copy_stream_metadata(self.source.streams[index], track.target)
        self.output.metadata.update(select_metadata(self.source.metadata))
        self._add_chapters()

    def read_packets(self) -> Iterator[tuple[float, list[Any]]]:
        """Yields the start of every packet in seconds and the packets to write for it.

        Ends where the file is damaged.
        """
        av = import_av()
        numbers = dict.fromkeys(self.tracks, 0)
        streams = [self.source.streams[index] for index in self.tracks]
        try:
            for packet in self.source.demux(streams) if streams else ():
                index = packet.stream_index
                if not packet.size or index not in self.tracks:
                    continue
                self.timeline.shift(packet, numbers[index])
                numbers[index] += 1
                start = packet.dts if packet.dts is not None else packet.pts
                seconds = float(start * packet.time_base) if start is not None else 0.0
                yield seconds, self.tracks[index].convert(packet)
        except av.FFmpegError:
            return

    def flush(self) -> Iterator[Any]:
        """Yields the packets that encoders hold back."""
        for track in self.tracks.values():
            yield from track.flush()

    def _add_sound(self, stream: Any) -> None:
        if not self._count(stream):
            return  # announced only
        if stream.codec_context is not None and can_hold(
            self.path, stream.index, self.output.format.name
        ):
            self.tracks[stream.index] = CopiedTrack(stream, self.output)
            return
        if stream.codec_context is not None and self._is_readable(stream):
            self.tracks[stream.index] = EncodedSound(stream, self.output)
            self._lose(f"sound as {stream.codec_context.codec.canonical_name} (encoded anew)")
        else:
            self._lose("sound that FFmpeg cannot decode")

    def _is_readable(self, stream: Any) -> bool:
        with open_media(self.path) as source:
            return gives_sound(source, source.streams[stream.index])

    def _add_subtitles(self, stream: Any) -> None:
        if not self._count(stream):
            return
        if stream.codec_context is not None and can_hold(
            self.path, stream.index, self.output.format.name
        ):
            self.tracks[stream.index] = CopiedTrack(stream, self.output)
        else:
            self._lose("subtitles")

    def _add_attachment(self, stream: Any) -> None:
        if self.output.format.name == "matroska":
            self.output.add_stream_from_template(stream)
        else:
            self._lose("attachments")

    def _add_chapters(self) -> None:
        origin = self.timeline.origin
        self.output.set_chapters(
            [
                chapter
                | {
                    name: max(round(chapter[name] - Fraction(origin) / chapter["time_base"]), 0)
                    for name in ("start", "end")
                }
                for chapter in self.source.chapters()
                if chapter["time_base"]
            ]
        )

    def _count(self, stream: Any) -> int:
        clock = self.timeline.clocks.get(stream.index)
        return clock.count if clock else 0

    def _lose(self, what: str) -> None:
        if what not in self.losses:
            self.losses.append(what)


def select_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """The entries that describe the content rather than the file."""
    return {key: value for key, value in metadata.items() if key.lower() not in WRITER_KEYS}


def copy_stream_metadata(source: Any, target: Any) -> None:
    """Copies title, language and the flags of a track; MP4 stores the title as its handler."""
    entries = {key: source.metadata[key] for key in STREAM_KEYS if key in source.metadata}
    if "title" in entries:
        entries["handler_name"] = entries["title"]
    target.metadata.update(entries)
    target.disposition = source.disposition


def find_lost_metadata(source: Path, written: Path, tracks: dict[int, int]) -> list[str]:
    """Compares titles, languages, default flags and chapters of two files.

    Args:
        source: The original file.
        written: The new file.
        tracks: Index of a stream in the original -> in the new file.

    Returns:
        What the new file lacks.
    """
    losses = []
    with open_media(source) as old, open_media(written) as new:
        pairs = [(old.streams[a], new.streams[b]) for a, b in tracks.items()]
        if any(_title(a) and _title(b) != _title(a) for a, b in pairs):
            losses.append("titles of tracks")
        if any(_language(a) not in NO_LANGUAGE and _language(b) != _language(a) for a, b in pairs):
            losses.append("languages of tracks")
        sounds = [(int(a.disposition), int(b.disposition)) for a, b in pairs if a.type == "audio"]
        if len(sounds) > 1 and any((a ^ b) & DEFAULT for a, b in sounds):
            losses.append("the default track")
        if len(new.chapters()) < len(old.chapters()):
            losses.append("chapters")
        kept = {key.lower(): value for key, value in new.metadata.items()}
        if any(kept.get(key.lower()) != old.metadata[key] for key in select_metadata(old.metadata)):
            losses.append("metadata")
    return losses


def _title(stream: Any) -> str:
    return stream.metadata.get("title") or stream.metadata.get("handler_name", "")


def _language(stream: Any) -> str:
    return stream.metadata.get("language", "")
