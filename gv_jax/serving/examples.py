"""Example images of the page: stored training images of the run, or drawn ones."""

import numpy as np
from PIL import Image, ImageDraw

from gv_jax.serving.served_run import ServedRun
from gv_jax.serving.uploads import decode_image, encode_png

MAX_EXAMPLES = 4
MAX_PIXELS = 2**22  # of a stored thumbnail
SPRITE_PX, SPRITE_SCALE = 12, 8
COLORS = ((230, 80, 70), (90, 200, 120), (90, 150, 240), (240, 200, 80))
SCENE_SIZE = (128, 96)  # (width, height)


def make_examples(served: ServedRun) -> list[bytes]:
    """PNG files: of different classes if the run stores training images, else drawn.

    Runs that generate images have none.
    """
    if served.action == "generate":
        return []
    if served.action == "predict" and (stored := find_stored(served)):
        return stored
    if served.action == "colorize":
        return [encode_png(np.asarray(draw_scene(seed).convert("L"))) for seed in range(2)]
    scale = 3 if served.action == "upscale" else SPRITE_SCALE
    return [encode_png(draw_sprite(seed, scale)) for seed in range(MAX_EXAMPLES)]


def find_stored(served: ServedRun) -> list[bytes]:
    """Thumbnails of the first training image of some classes."""
    neighbors = getattr(served.run, "neighbors", None)
    if neighbors is None or not neighbors.thumbnails:
        return []
    first: dict[str, int] = {}
    for index, label in enumerate(neighbors.labels):
        first.setdefault(label, index)
    step = max(len(first) // MAX_EXAMPLES, 1)
    indices = [first[label] for label in sorted(first)][::step][:MAX_EXAMPLES]
    return [encode_png(decode_image(neighbors.thumbnails[index], MAX_PIXELS)) for index in indices]


def draw_sprite(seed: int, scale: int) -> np.ndarray:
    """A symmetric figure of large pixels, uint8 [h w 3]."""
    rng = np.random.default_rng(seed)
    half = rng.random((SPRITE_PX - 4, SPRITE_PX // 2 - 2)) < 0.55
    figure = np.pad(np.concatenate([half, half[:, ::-1]], 1), 2)
    pixels = np.full((SPRITE_PX, SPRITE_PX, 3), (24, 24, 40), np.uint8)
    pixels[figure] = COLORS[seed % len(COLORS)]
    return pixels.repeat(scale, 0).repeat(scale, 1)


def draw_scene(seed: int) -> Image.Image:
    """A landscape with hills, a sun and platforms."""
    rng = np.random.default_rng(seed)
    width, height = SCENE_SIZE
    image = Image.new("RGB", SCENE_SIZE, (120, 180, 240))
    draw = ImageDraw.Draw(image)
    draw.ellipse((90, 8, 112, 30), (250, 230, 120))
    for left in range(-20, width, 30):
        top = int(rng.integers(35, 60))
        draw.ellipse((left, top, left + 60, height + 40), (70, 160, 80))
    draw.rectangle((0, 80, width, height), (150, 100, 60))
    for left in rng.choice(range(0, width, 16), 4, replace=False).tolist():
        draw.rectangle((left, 56, left + 15, 63), (200, 90, 60), (110, 50, 30))
    return image
