"""Frames of an animated image file, decoded one at a time by Pillow."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ImageSequence

from gv_jax.data.formats.first_frame import MAX_PIXELS, open_header
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.data.frame_pixels import composite
from gv_jax.data.media import CorruptVideoError
from gv_jax.data.video import VideoFrame

PILLOW_SUFFIXES = (".webp", ".png", ".apng", ".avif")
ANIMATED_SUFFIXES = (".gif", *PILLOW_SUFFIXES)
MIN_DURATION_MS, DEFAULT_DURATION_MS = 11, 100  # browsers show shorter frames for 0.1 s


class Animation:
    """Iterates over every `frame_stride`-th frame of an animated WebP, PNG or AVIF file.

    A GIF is read as a `Video`, whose interface this is. The still image of a PNG that is no part of
    the animation is not yielded.

    Attributes:
        damage: What is missing; "" for an intact file.
        losses: What RGB frames do not preserve.

    Raises:
        CorruptVideoError: while iterating; no image, or its first frame cannot be decoded.
    """

    def __init__(self, path: Path, frame_stride: int = 1):
        self.path, self.frame_stride = path, frame_stride
        self.damage = ""
        self.losses: list[str] = []
        self.is_transposed = False

    def __iter__(self) -> Iterator[VideoFrame]:
        self.damage, self.losses = "", []
        index, seconds = 0, 0.0
        try:
            for pixels, is_transparent, duration in self._decode():
                if is_transparent and "transparency" not in self.losses:
                    self.losses.append("transparency")
                if index % self.frame_stride == 0:
                    yield VideoFrame(index, seconds, pixels, duration)
                index, seconds = index + 1, seconds + duration
        except CorruptImageError as error:
            if not index:
                raise CorruptVideoError(f"has no frame that can be decoded ({error})") from error
            self.damage = (
                f"is damaged after {seconds:.1f} s ({error}); the first {index:,} frames are used"
            )

    def _decode(self) -> Iterator[tuple[np.ndarray, bool, float]]:
        """Pixels, whether any is transparent, and seconds of every frame."""
        with open_header(self.path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise CorruptImageError(f"has {image.width}x{image.height} pixels")
            if image.info.get("loop", 1) != 1:
                self.losses.append("the loop")
            has_still = image.info.get("default_image", False)
            for number, frame in enumerate(ImageSequence.Iterator(image)):
                frame.load()
                if has_still and number == 0:
                    continue
                milliseconds = frame.info.get("duration") or 0
                if milliseconds < MIN_DURATION_MS:
                    milliseconds = DEFAULT_DURATION_MS
                yield *composite(np.asarray(frame.convert("RGBA"))), milliseconds / 1000


def is_animated(path: Path) -> bool:
    """Whether an image file has more than one frame, read from its header where it tells.

    Raises:
        CorruptImageError: It is a GIF or AVIF that cannot be opened.
    """
    with path.open("rb") as file:
        head = file.read(21)
        if head.startswith(b"\x89PNG"):
            return _has_animation_chunk(path)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return head[12:16] == b"VP8X" and bool(head[20:21] and head[20] & 2)
        if not head.startswith(b"GIF8") and head[4:8] != b"ftyp":
            return False
    with open_header(path) as image:
        try:
            return bool(getattr(image, "is_animated", False))
        except (OSError, EOFError, SyntaxError, ValueError):  # the second frame is damaged
            return True


def _has_animation_chunk(path: Path) -> bool:
    """Whether a PNG announces more than one frame before its pixels (chunk acTL)."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind == b"acTL":
                count = file.read(4)
                return len(count) == 4 and struct.unpack(">I", count)[0] > 1
            if kind == b"IDAT":
                return False
            file.seek(size + 4, 1)
    return False
