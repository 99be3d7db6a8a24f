"""What is known of an image before its pixels are decoded, and the error for unusable images."""

from dataclasses import dataclass


class CorruptImageError(Exception):
    """An image that cannot be used. The caller puts the file name before the message."""


@dataclass(frozen=True)
class Header:
    """The header of an image file.

    Attributes:
        format: a name in `first_frame.IMAGE_FORMATS`, or "MPO", a JPEG with further images.
        size: (width, height) in pixels.
        mode: Pillow's mode of the decoded pixels.
        transparent: whether it has alpha, a transparent color or transparent palette entries.
        deep: whether a channel has more than 8 bits.
    """

    format: str
    size: tuple[int, int]
    mode: str
    transparent: bool = False
    deep: bool = False
