"""Writing a video like another one: other pictures, but of the same size and at the same times, and the same sound."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from gv_jax.data.video import VideoFrame

CONTAINER_FORMATS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}  # that are kept
CONTAINER_CODECS = {"webm": ("libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "4", "row-mt": "1"})}
DEFAULT_CODEC = ("libx264", {"crf": "16", "preset": "veryfast"})
HD_ROWS = (
    720  # rows from which on videos have the colours of ITU-R BT.709, below it those of BT.601
)
MATRIX_CODES = {"ITU709": 1, "ITU601": 6}  # as ITU-T H.273 numbers them


def suffix_for(source: Path) -> str:
    """What a video like `source` is written as: its own kind, .mp4 for a GIF, else .mkv, which any sound fits in."""
    suffix = source.suffix.lower()
    return suffix if suffix in CONTAINER_FORMATS else ".mp4" if suffix == ".gif" else ".mkv"


class MirrorWriter:
    """A context that writes `path`, whole or not at all, after `source`.

    Frames keep their times and the size of the first one; all sound tracks are copied packet by packet, as far as
    they can be read. Pictures are H.264 at a quality where differences are hardly seen, in WebM VP9; their colours at
    half the size (4:2:0), as every player needs it, but in H.264 of odd sizes, which cannot be halved.
    """

    def __init__(self, source: Path, path: Path) -> None:
        import av  # an extra

        self.av, self.path = av, path
        self.partial = path.with_name(path.name + ".partial")
        self.source = av.open(str(source))
        stream = self.source.streams.video[0]
        self.rate: Fraction = stream.average_rate or stream.guessed_rate or Fraction(25)
        self.tick: Fraction = stream.time_base or 1 / self.rate
        self.shape: Any = stream.sample_aspect_ratio  # of a pixel
        self.frames: int = stream.frames  # as the header says; 0 where it doesn't
        path.parent.mkdir(parents=True, exist_ok=True)
        self.kind = CONTAINER_FORMATS[path.suffix]
        self.output = av.open(str(self.partial), "w", format=self.kind)
        self.pictures: Any = None
        self.last = -1  # tick of the last frame
        self.tracks: dict[int, Any] = {}  # of sound, by their place in the source
        self.sound = self._sound()
        self.heard = -math.inf  # seconds at which the last packet of sound began

    def write(self, frame: VideoFrame, pixels: np.ndarray) -> None:
        """pixels: uint8 [h w 3], in the place of those of `frame`."""
        self.pictures = self.pictures or self._track(*pixels.shape[:2])
        self._copy_sound(frame.seconds)
        picture = self.av.VideoFrame.from_ndarray(pixels, "rgb24")
        picture = picture.reformat(
            format=self.pictures.pix_fmt, dst_colorspace=color_standard(pixels.shape[0])
        )
        self.last = max(round(frame.seconds / self.tick), self.last + 1)
        picture.pts, picture.time_base = self.last, self.tick
        picture.duration = max(round(1 / self.rate / self.tick), 1)
        self.output.mux(self.pictures.encode(picture))

    def _track(self, height: int, width: int) -> Any:
        """The track of the pictures; those of the sound come after it."""
        name, options = CONTAINER_CODECS.get(self.kind, DEFAULT_CODEC)
        pictures: Any = self.output.add_stream(name, rate=self.rate, options=dict(options))
        pictures.height, pictures.width = height, width
        odd = name == DEFAULT_CODEC[0] and (height % 2 or width % 2)
        pictures.pix_fmt = "yuv444p" if odd else "yuv420p"
        context = pictures.codec_context
        context.time_base, context.colorspace, context.color_range = (
            self.tick,
            MATRIX_CODES[color_standard(height)],
            1,
        )
        if self.shape:
            context.sample_aspect_ratio = self.shape
        for track in self.source.streams.audio:
            if track.codec_context is not None:
                self.tracks[track.index] = self.output.add_stream_from_template(track)
        return pictures

    def _sound(self) -> Iterator[Any]:
        """All packets of all sound tracks, up to where the file is damaged."""
        tracks = [self.source.streams[index] for index in self.tracks]
        try:
            for packet in self.source.demux(tracks) if tracks else ():
                if packet.dts is not None:
                    yield packet
        except self.av.FFmpegError:
            return

    def _copy_sound(self, until: float) -> None:
        """The packets up to the first one that begins after so many seconds."""
        while self.heard <= until and (packet := next(self.sound, None)):
            self.heard = float(packet.dts * packet.time_base)
            packet.stream = self.tracks[packet.stream.index]
            self.output.mux(packet)

    def finish(self, whole: bool) -> None:
        """Writes what is still to come; of the sound only what goes with the frames, unless `whole`."""
        self._copy_sound(math.inf if whole else float(self.last * self.tick))
        self.output.mux(self.pictures.encode())
        self.output.close()
        self.partial.replace(self.path)

    def __enter__(self) -> "MirrorWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.source.close()
        if self.partial.exists():  # not finished
            self.output.close()
            self.partial.unlink()


def color_standard(height: int) -> str:
    """How red, green and blue become brightness and two differences of colour."""
    return "ITU709" if height >= HD_ROWS else "ITU601"
