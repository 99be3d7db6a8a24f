"""Opens video files with PyAV and selects the video stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from gv_jax.errors import UserError

STILL_DISPOSITIONS = 0x400 | 0x800 | 0x100000  # cover, thumbnails and still image of FFmpeg


class CorruptVideoError(Exception):
    """Says what is wrong with a file; the caller adds its name."""


def import_av() -> Any:
    """PyAV, which is an extra.

    Raises:
        UserError: PyAV is not installed.
    """
    try:
        import av
    except ImportError:
        raise UserError("Reading videos requires PyAV: pip install -e '.[video]'") from None
    return av


@contextmanager
def open_media(path: Path) -> Iterator[Any]:
    """Opens a file for reading; its name is never taken for an address on the network.

    Raises:
        CorruptVideoError: FFmpeg does not open it.
    """
    av = import_av()
    # PyAV 19 replaces bytes that are not UTF-8 by itself
    options = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
    try:
        container = av.open(f"file:{path}", **options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise CorruptVideoError(f"cannot be opened as a video ({find_reason(error)})") from error
    with container:
        yield container


def select_video(container: Any) -> Any:
    """The first video stream that can be decoded and is no cover image.

    Raises:
        CorruptVideoError: There is none.
    """
    stream = next((stream for stream in container.streams.video if is_moving(stream)), None)
    if stream is None:
        raise CorruptVideoError("has no video stream that can be decoded")
    return stream


def is_moving(stream: Any) -> bool:
    """Whether a video stream can be decoded and is no cover, thumbnail or still image."""
    # PyAV crashes without a codec context
    return stream.codec_context is not None and not int(stream.disposition) & STILL_DISPOSITIONS


def find_reason(error: Exception) -> str:
    """What FFmpeg says about an error, without the name of the file."""
    return str(getattr(error, "strerror", "") or error).strip()


def to_fraction(ratio: Any) -> Fraction:
    """A ratio of FFmpeg, which PyAV 19 no longer gives as a Fraction."""
    return Fraction(ratio.numerator, ratio.denominator)
