"""Recognizes an image file by its first bytes."""

import re

MAGIC_SIZE = 32  # bytes at the start of a file that decide
IMAGE_MAGIC = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|DDS |"
    rb"....ftyp(?:avif|avis)|\x00\x00\x01\x00[^\0]\0.{3}\0|"
    rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    re.DOTALL,
)


def is_image_magic(start: bytes) -> bool:
    """Whether a file with these first MAGIC_SIZE bytes is an image that can be read.

    TGA has no magic number and is not recognized. For BMP, whose magic number is two letters, the
    size of its second header counts too.
    """
    return IMAGE_MAGIC.match(start) is not None
