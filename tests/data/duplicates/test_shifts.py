"""Shifted copies of which little is left in both images: framed tiles, sprites at the edge."""

import numpy as np
import pytest
from PIL import Image, ImageChops

from benchmarks.duplicates import shift
from gv_jax.data.duplicates.groups import find_near_duplicates, near_duplicate_groups
from gv_jax.data.duplicates.hashing import image_signature
from tests.data.duplicates.textures import draw_texture


def draw_stone(seed: int, side: int) -> Image.Image:
    """A stone in two shades with noise; most of the contrast is its light and its dark edges."""
    rng = np.random.default_rng(seed)
    shades = rng.normal(0, 25, (4, 4, 1)).repeat(side // 4, 0).repeat(side // 4, 1)
    pixels = rng.integers(70, 170, 3) + shades + rng.normal(0, 10, (side, side, 1))
    pixels[:, 0] = pixels[0] = rng.integers(180, 256, 3)
    pixels[:, -1] = pixels[-1] = rng.integers(0, 60, 3)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def draw_at_edge(seed: int, side: int) -> Image.Image:
    """A sprite of 3 x 8 pixels in as many colors at the right edge of transparent ground."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((side, side, 4), np.uint8)
    top = int(rng.integers(2, side - 10))
    pixels[top : top + 8, -3:] = rng.integers(0, 256, (8, 3, 4), np.uint8)
    pixels[top : top + 8, -3:, 3] = 255
    return Image.fromarray(pixels)


def wrap(image: Image.Image, dy: int, dx: int) -> Image.Image:
    return ImageChops.offset(image, dx, dy)


MOVES = [(shift, (0, 1)), (shift, (2, -2)), (shift, (1, 2)), (wrap, (-1, 2))]


def find_groups(images: list[Image.Image]) -> list[list[int]]:
    return sorted(near_duplicate_groups([image_signature(image) for image in images]))


def test_shifted_stones_are_found_among_textures():
    textures = [draw_texture(seed, 16) for seed in range(60)]
    stones = [draw_stone(seed, 16) for seed in range(6)]
    copies = [shift(stone, 2, -2) for stone in stones]
    expected = [[60 + index, 66 + index] for index in range(6)]
    assert find_groups([*textures, *stones, *copies]) == expected


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("move", "offset"), MOVES)
@pytest.mark.parametrize("draw", [draw_stone, draw_at_edge])
def test_the_shift_is_stated_in_either_order(draw, move, offset, swapped):
    pair = [draw(3, 16), move(draw(3, 16), *offset)]
    dy, dx = offset
    if swapped:
        pair, dy, dx = pair[::-1], -dy, -dx
    (copies,) = find_near_duplicates([image_signature(image) for image in pair])
    assert [str(relation) for relation in copies.relations.values()] == [f"shifted ({dy}, {dx})"]


def test_what_a_shift_uncovers_must_be_explained():
    image = draw_at_edge(5, 16)
    other = np.array(shift(image, 0, 2))
    other[1:13, 0] = 200, 40, 40, 255  # neither an edge nor what left the image
    assert find_groups([image, Image.fromarray(other)]) == []
