"""Groups of images that were changed in known ways."""

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from gv_jax.data.duplicates.groups import (
    exact_duplicate_groups,
    find_equal_rows,
    near_duplicate_groups,
)
from gv_jax.data.duplicates.hashing import image_signature
from tests.data.duplicates.scenes import compress_jpeg, draw_scene


def draw_sprite(color: tuple[int, int, int], left: int = 12) -> Image.Image:
    """A disc with an outline on transparent ground."""
    image = Image.new("RGBA", (32, 32))
    box, outline = (left, 10, left + 12, 22), (20, 20, 20, 255)
    ImageDraw.Draw(image).ellipse(box, fill=(*color, 255), outline=outline)
    return image


def are_near(*images: Image.Image) -> bool:
    """Whether all images are in one group of near-duplicates."""
    groups = near_duplicate_groups([image_signature(image) for image in images])
    return groups == [list(range(len(images)))]


def test_rows_are_equal_if_all_columns_are():
    rows = np.array([[1, 2], [0, 2], [1, 2], [1, 3], [0, 2], [0, 2]], np.uint64)
    assert find_equal_rows(rows) == [[0, 2], [1, 4, 5]]
    assert find_equal_rows(rows[:2]) == find_equal_rows(rows[:0]) == []


@pytest.mark.parametrize("seed", range(4))
def test_compressed_resized_and_shifted_copies_are_near_duplicates(seed):
    image = draw_scene(seed)
    assert are_near(image, compress_jpeg(image, 75))
    assert are_near(image, compress_jpeg(image, 40))
    assert are_near(image, image.resize((64, 48), Image.Resampling.BICUBIC))
    assert are_near(image, image.resize((200, 150), Image.Resampling.BILINEAR))
    large = draw_scene(seed, (512, 384))
    assert are_near(large, ImageChops.offset(large, 1, 1))


def test_different_images_are_not():
    images = [draw_scene(seed) for seed in range(60)]
    assert near_duplicate_groups([image_signature(image) for image in images]) == []
    image = draw_scene(0)
    assert not are_near(image, ImageChops.offset(image, 24, 0))
    assert not are_near(image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def test_colors_matter():
    image = draw_scene(1)
    red, green, blue = image.split()
    assert not are_near(image, Image.merge("RGB", (blue, green, red)))
    assert are_near(draw_sprite((200, 30, 30)), draw_sprite((200, 32, 30)))
    for other in ((30, 30, 200), (200, 90, 30), (160, 30, 30)):
        assert not are_near(draw_sprite((200, 30, 30)), draw_sprite(other))


def test_a_moved_sprite_is_another_image():
    assert not are_near(draw_sprite((200, 30, 30)), draw_sprite((200, 30, 30), left=16))


def test_dark_images_are_distinguished():
    dark = [Image.eval(draw_scene(seed), lambda value: value // 10) for seed in range(12)]
    assert near_duplicate_groups([image_signature(image) for image in dark]) == []
    assert are_near(dark[0], compress_jpeg(dark[0], 90))


def test_a_group_is_a_chain_with_all_copies():
    first, second = draw_scene(2), draw_scene(3)
    images = [first, second, compress_jpeg(first, 80), first, second.resize((64, 48))]
    signatures = [image_signature(image) for image in images]
    assert exact_duplicate_groups(signatures) == [[0, 3]]
    assert sorted(map(sorted, near_duplicate_groups(signatures))) == [[0, 2, 3], [1, 4]]
    assert near_duplicate_groups([signatures[0], signatures[3]]) == []  # equal, so not only near


def test_groups_of_more_images_than_a_block_holds():
    images = [draw_scene(seed, (48, 36)) for seed in range(150)]
    images += [compress_jpeg(image, 85) for image in images[::3]]
    groups = near_duplicate_groups([image_signature(image) for image in images])
    assert sorted(map(sorted, groups)) == [[3 * index, 150 + index] for index in range(50)]


def test_constant_images_are_equal_or_different_but_never_near():
    images = [Image.new("RGB", (16, 16), (value, 0, 0)) for value in (9, 9, 10)]
    signatures = [image_signature(image) for image in images]
    assert all(signature.constant for signature in signatures)
    assert exact_duplicate_groups(signatures) == [[0, 1]]
    assert near_duplicate_groups(signatures) == []
    assert near_duplicate_groups([]) == []


def test_digest_ignores_the_mode_and_invisible_colors_but_not_the_orientation():
    sprite = draw_sprite((1, 2, 3))
    pixels = np.array(sprite)
    pixels[pixels[..., 3] == 0, :3] = 77
    assert image_signature(sprite).digest == image_signature(Image.fromarray(pixels)).digest
    scene = image_signature(draw_scene(5))
    rotated = draw_scene(5).transpose(Image.Transpose.ROTATE_90)
    assert scene.digest == image_signature(draw_scene(5).convert("RGBA")).digest
    assert scene.digest != image_signature(rotated).digest
    assert not scene.constant
