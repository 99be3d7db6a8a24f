"""Small random textures and sprites for tests of duplicates."""

import numpy as np
from PIL import Image, ImageDraw


def draw_texture(seed: int, side: int) -> Image.Image:
    """Colored noise at two scales over random bricks, RGB."""
    rng = np.random.default_rng(seed)
    base = rng.integers(60, 180, 3)
    coarse = rng.normal(0, 30, (side // 4, side // 4, 1)).repeat(4, 0).repeat(4, 1)
    pixels = base + coarse + rng.normal(0, 12, (side, side, 1)) + rng.normal(0, 3, (side, side, 3))
    pixels[:: rng.integers(4, 7)] *= 0.5
    pixels[:, rng.integers(0, 4) :: rng.integers(5, 8)] *= 0.6
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def draw_figure(seed: int, side: int) -> Image.Image:
    """Outlined shapes on transparent ground, RGBA."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        left, top = rng.integers(side // 8, side // 2, 2).tolist()
        width, height = rng.integers(side // 5, side // 3 + 1, 2).tolist()
        fill = (*rng.integers(40, 230, 3).tolist(), 255)
        box = left, top, left + width, top + height
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(box, fill=fill, outline=(0, 0, 0, 255))
    return image
