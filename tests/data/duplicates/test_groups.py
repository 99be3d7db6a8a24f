"""What counts as one picture, tried on pictures that were changed in known ways."""

import io

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from gv_jax.data.duplicates.groups import exact_duplicate_groups, near_duplicate_groups
from gv_jax.data.duplicates.hashing import image_signature


def scene(seed: int, size: tuple[int, int] = (128, 96)) -> Image.Image:
    """Soft ground with shapes on it."""
    draws = np.random.default_rng(seed)
    ground = draws.integers(40, 216, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(5):
        left, top = draws.integers(0, 80, 2).tolist()
        fill = tuple(draws.integers(60, 196, 3).tolist())
        pen.ellipse((left, top, left + 40, top + 30), fill=fill)
    return image


def sprite(colour: tuple[int, int, int], left: int = 12) -> Image.Image:
    """A disc with an outline on transparent ground."""
    image = Image.new("RGBA", (32, 32))
    ImageDraw.Draw(image).ellipse(
        (left, 10, left + 12, 22), fill=(*colour, 255), outline=(20, 20, 20, 255)
    )
    return image


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def near(*images: Image.Image) -> bool:
    """Whether all are in one group."""
    return near_duplicate_groups([image_signature(image) for image in images]) == [
        list(range(len(images)))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_compressed_resized_and_shifted_pictures_are_nearly_the_same(seed):
    image = scene(seed)
    assert near(image, jpeg(image, 75))
    assert near(image, jpeg(image, 40))
    assert near(image, image.resize((64, 48), Image.Resampling.BICUBIC))
    assert near(image, image.resize((200, 150), Image.Resampling.BILINEAR))
    large = scene(seed, (512, 384))
    assert near(large, ImageChops.offset(large, 1, 1))


def test_other_pictures_are_not():
    images = [scene(seed) for seed in range(60)]
    assert near_duplicate_groups([image_signature(image) for image in images]) == []
    image = scene(0)
    assert not near(image, ImageChops.offset(image, 24, 0))
    assert not near(image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def test_colour_counts():
    image = scene(1)
    red, green, blue = image.split()
    assert not near(image, Image.merge("RGB", (blue, green, red)))
    assert near(sprite((200, 30, 30)), sprite((200, 32, 30)))
    for other in ((30, 30, 200), (200, 90, 30), (160, 30, 30)):
        assert not near(sprite((200, 30, 30)), sprite(other))


def test_a_sprite_that_moved_is_another_picture():
    assert not near(sprite((200, 30, 30)), sprite((200, 30, 30), left=16))


def test_dark_pictures_are_told_apart():
    dark = [Image.eval(scene(seed), lambda value: value // 10) for seed in range(12)]
    assert near_duplicate_groups([image_signature(image) for image in dark]) == []
    assert near(dark[0], jpeg(dark[0], 90))


def test_a_group_is_a_chain_and_holds_all_copies():
    images = [scene(2), scene(3), jpeg(scene(2), 80), scene(2), scene(3).resize((64, 48))]
    signatures = [image_signature(image) for image in images]
    assert exact_duplicate_groups(signatures) == [[0, 3]]
    assert sorted(map(sorted, near_duplicate_groups(signatures))) == [[0, 2, 3], [1, 4]]
    assert near_duplicate_groups([signatures[0], signatures[3]]) == []  # the same, so not nearly


def test_many_pictures_give_the_groups_that_each_pair_gives():
    images = [scene(seed, (48, 36)) for seed in range(150)]
    images += [jpeg(image, 85) for image in images[::3]]
    groups = near_duplicate_groups([image_signature(image) for image in images])
    assert sorted(map(sorted, groups)) == [[3 * number, 150 + number] for number in range(50)]


def test_constant_pictures_are_the_same_or_not_but_never_nearly():
    images = [Image.new("RGB", (16, 16), (value, 0, 0)) for value in (9, 9, 10)]
    signatures = [image_signature(image) for image in images]
    assert all(one.constant for one in signatures)
    assert exact_duplicate_groups(signatures) == [[0, 1]]
    assert near_duplicate_groups(signatures) == []
    assert near_duplicate_groups([]) == []


def test_the_file_and_what_is_invisible_do_not_make_a_difference():
    image = sprite((1, 2, 3))
    pixels = np.array(image)
    pixels[pixels[..., 3] == 0, :3] = 77
    assert image_signature(image).digest == image_signature(Image.fromarray(pixels)).digest
    plain = scene(5)
    assert image_signature(plain).digest == image_signature(plain.convert("RGBA")).digest
    assert (
        image_signature(plain).digest
        != image_signature(plain.transpose(Image.Transpose.ROTATE_90)).digest
    )
    assert not image_signature(plain).constant
