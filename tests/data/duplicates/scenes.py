"""Random scenes and JPEG copies for tests of duplicates."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def draw_scene(seed: int, size: tuple[int, int] = (128, 96)) -> Image.Image:
    """Five ellipses on a smooth background, RGB."""
    rng = np.random.default_rng(seed)
    background = rng.integers(40, 216, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(background).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        left, top = rng.integers(0, 80, 2).tolist()
        fill = tuple(rng.integers(60, 196, 3).tolist())
        draw.ellipse((left, top, left + 40, top + 30), fill=fill)
    return image


def compress_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def write_leaking_splits(root: Path) -> Path:
    """Writes train, valid and test of two classes, with one leak, one conflict and odd names."""
    for split, first in (("train", 0), ("valid", 30), ("test", 60)):
        for label, seed in (("a b", first), ("火", first + 200)):
            (root / split / label).mkdir(parents=True)
            for index in range(8):
                image = draw_scene(seed + index, (64, 48))
                image.save(root / split / label / f"{index} ü.png")
    compress_jpeg(draw_scene(0, (64, 48)), 85).save(root / "test" / "a b" / "leak & copy.png")
    draw_scene(201, (64, 48)).save(root / "valid" / "a b" / "conflict.png")
    return root
