"""Copies of small textures and sprites, and images that are similar but no copies."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from benchmarks.duplicates import COPIES, shift
from gv_jax.data.duplicates import candidates, neighbors
from gv_jax.data.duplicates.groups import find_near_duplicates, near_duplicate_groups
from gv_jax.data.duplicates.hashing import image_signature
from gv_jax.data.duplicates.signature_file import SignatureFile
from tests.data.duplicates.scenes import compress_jpeg
from tests.data.duplicates.textures import draw_figure, draw_texture

SIZES = [
    pytest.param(side, marks=[pytest.mark.slow] if side in (24, 48, 64) else [])
    for side in (16, 24, 32, 48, 64)
]


def find_groups(images: list[Image.Image]) -> list[list[int]]:
    return sorted(near_duplicate_groups([image_signature(image) for image in images]))


def relate(first: Image.Image, second: Image.Image) -> str:
    """The relation of two images; "" if they are no copies."""
    found = find_near_duplicates([image_signature(first), image_signature(second)])
    return ", ".join(str(relation) for copies in found for relation in copies.relations.values())


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("side", SIZES)
def test_every_copy_is_found_and_nothing_else(side, kind):
    originals = [draw(seed, side) for draw in (draw_texture, draw_figure) for seed in range(4)]
    copies = [COPIES[kind](image) for image in originals]
    expected = [
        [index, index + 8]
        for index, (image, copy) in enumerate(zip(originals, copies, strict=True))
        if image_signature(image).digest != image_signature(copy).digest
    ]
    assert expected
    assert find_groups([*originals, *copies]) == expected


@pytest.mark.parametrize("side", SIZES)
def test_different_images_are_no_copies(side):
    assert find_groups([draw_texture(seed, side) for seed in range(40)]) == []
    figures = [draw_figure(seed, side) for seed in range(40)]
    assert find_groups(figures) == []


@pytest.mark.parametrize("side", SIZES)
def test_variants_are_no_copies(side):
    figure = draw_figure(1, side)
    edited = figure.copy()
    place = side // 2, side // 2, side // 2 + side // 8, side // 2 + side // 8
    ImageDraw.Draw(edited).rectangle(place, fill=(255, 255, 0, 255))
    red, green, blue, alpha = figure.split()
    recolored = Image.merge("RGBA", (blue, red, green, alpha))
    assert find_groups([figure, edited, recolored]) == []
    texture = draw_texture(2, side)
    cracked = texture.copy()
    ImageDraw.Draw(cracked).line((2, 3, side // 2, side - 4), fill=(10, 10, 10))
    tinted = ImageChops.add(texture, Image.new("RGB", texture.size, (14, 0, 0)))
    assert find_groups([texture, cracked, tinted]) == []


def test_a_sprite_that_moved_over_its_background_is_another_image():
    def draw(left: int) -> Image.Image:
        screen = Image.new("RGB", (32, 32), (60, 40, 20))
        ImageDraw.Draw(screen).rectangle((3, 26, 24, 29), fill=(120, 200, 90))
        ImageDraw.Draw(screen).rectangle((left, 12, left + 1, 13), fill=(220, 220, 220))
        return screen

    assert find_groups([draw(left) for left in (8, 10, 12, 20)]) == []


def test_content_that_a_shift_removes_is_not_ignored():
    corners = []
    for box in ((0, 0, 1, 1), (29, 30, 31, 31), (0, 28, 0, 31)):
        image = Image.new("RGBA", (32, 32))
        ImageDraw.Draw(image).rectangle(box, fill=(200, 30, 30, 255))
        corners.append(image)
    assert find_groups(corners) == []


@pytest.mark.parametrize(
    ("copy", "words"),
    [
        (lambda image: image.resize((64, 64), Image.Resampling.NEAREST), "scaled x2"),
        (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "mirrored"),
        (lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), "mirrored vertically"),
        (lambda image: shift(image, 1, -2), "shifted (1, -2)"),
        (lambda image: COPIES["brightness +3 %"](image), "brightness +3 %"),
        (lambda image: compress_jpeg(image, 60), "recompressed"),
    ],
)
def test_relations_of_textures(copy, words):
    texture = draw_texture(5, 32)
    signatures = [image_signature(texture), image_signature(copy(texture))]
    (copies,) = find_near_duplicates(signatures)
    ((pair, relation),) = copies.relations.items()
    assert pair == (0, 1)
    assert str(relation) == words


def test_another_background_is_a_relation():
    assert relate(draw_figure(3, 32), COPIES["over magenta"](draw_figure(3, 32))) == (
        "other alpha or background"
    )


def test_images_of_every_shape_and_size_are_searched():
    rng = np.random.default_rng(0)
    sizes = [(2, 2), (3, 40), (7, 5), (64, 2), (24, 40), (130, 10), (65, 64), (129, 128)]
    images = [Image.fromarray(rng.integers(0, 256, (h, w, 3), np.uint8)) for w, h in sizes]
    assert find_groups(images) == []
    texture = draw_texture(7, 64).crop((0, 0, 24, 40))
    assert find_groups([*images, texture, compress_jpeg(texture, 80)]) == [[8, 9]]


def test_the_index_of_many_images_finds_what_a_comparison_of_all_finds(monkeypatch):
    originals = [draw(seed, 16) for draw in (draw_texture, draw_figure) for seed in range(18)]
    images = [*originals, *(copy(originals[i]) for i, copy in enumerate(2 * [*COPIES.values()]))]
    signatures = [image_signature(image) for image in images]
    expected = find_near_duplicates(signatures)
    monkeypatch.setattr(neighbors, "MAX_EXHAUSTIVE", 0)
    monkeypatch.setattr(candidates, "QUERIES_PER_BLOCK", 32)
    monkeypatch.setattr(candidates, "OWNERS_PER_BUCKET", 10)
    assert find_near_duplicates(signatures) == expected
    assert len(expected) > 30


def test_signatures_take_few_bytes_of_memory():
    signature = image_signature(draw_texture(0, 32))
    tracemalloc.start()
    with SignatureFile() as stored:
        for _ in range(4000):
            stored.append(signature)
        used, _ = tracemalloc.get_traced_memory()
        assert len(stored) == 4000
    tracemalloc.stop()
    assert used / 4000 < 100


def test_the_index_of_images_of_which_none_has_a_background(monkeypatch):
    monkeypatch.setattr(neighbors, "MAX_EXHAUSTIVE", 0)
    noise = np.random.default_rng(0).integers(0, 256, (80, 32, 32, 3), np.uint8)
    images = [Image.fromarray(pixels) for pixels in noise]
    copies = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images[::20]]
    assert find_groups([*images, *copies]) == [[20 * index, 80 + index] for index in range(4)]
