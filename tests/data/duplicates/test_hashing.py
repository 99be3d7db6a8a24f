"""Signatures of small and large images."""

import numpy as np
from PIL import Image

from gv_jax.data.duplicates.hashing import image_signature
from gv_jax.data.duplicates.raster import SMALL_PIXELS
from gv_jax.data.duplicates.signature_file import SignatureFile


def make_image(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def test_only_large_images_have_a_thumbnail():
    assert image_signature(make_image(SMALL_PIXELS, SMALL_PIXELS)).thumbnail is None
    assert image_signature(make_image(SMALL_PIXELS, SMALL_PIXELS + 1)).thumbnail is not None


def test_stored_hashes_are_those_of_the_large_images(tmp_path):
    images = [make_image(100, 80), make_image(32, 32), make_image(90, 70)]
    signatures = [image_signature(image) for image in images]
    with SignatureFile(tmp_path) as stored:
        for signature in signatures:
            stored.append(signature)
        bits = np.unpackbits(stored.hashes.astype(">u8").view(np.uint8)).reshape(-1, 64)
        assert stored.sizes.tolist() == [[100, 80], [32, 32], [90, 70]]
        assert len(stored.gray_alpha) == len(stored.rgba) == len(bits) == 2
    for row, signature in zip(bits, (signatures[0], signatures[2]), strict=True):
        assert signature.thumbnail is not None
        assert (row == signature.thumbnail.hash).all()
