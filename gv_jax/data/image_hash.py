"""Content hashes of stored images, by which a run recognizes the images that it began with."""

import hashlib

from PIL import Image

from gv_jax.data.box import NO_BOX, Box
from gv_jax.data.formats import jpeg


def hash_image(data: bytes, image: Image.Image, box: Box) -> str:
    """The content hash of a stored image: 16 hexadecimal digits of a SHA-256.

    It is that of the pixels, except for a JPEG, whose pixels depend on the version of the decoder.

    Args:
        data: The stored file.
        image: The decoded image.
        box: Its bounding box, or NO_BOX.
    """
    header = f"{box} " if box != NO_BOX else ""
    if data.startswith(jpeg.MAGIC):
        content = data
    else:
        header += f"{image.mode} {image.size} "
        content = image.tobytes()
    return hashlib.sha256(header.encode() + content).hexdigest()[:16]
