"""AVIF files with a metadata block that Pillow cannot parse."""

import re

BRAND = re.compile(rb"....ftyp(?:avif|avis|mif1|msf1)", re.DOTALL)
# An item entry of version 2 or 3: version and flags, item id of 2 or 4 bytes, protection, type
EXIF_ITEM = re.compile(rb"(infe(?:\x02.{3}.{4}|\x03.{3}.{6}))Exif", re.DOTALL)


def remove_exif(data: bytes) -> bytes | None:
    """The file without its Exif block, of the same length; None if it is no AVIF or has none.

    The entry of the block gets a type that readers ignore.
    """
    if not BRAND.match(data):
        return None
    repaired = EXIF_ITEM.sub(rb"\1skip", data)
    return repaired if repaired != data else None
