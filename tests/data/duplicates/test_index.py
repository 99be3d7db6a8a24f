"""Near-duplicates by hand on images of 32x32 pixels, whose cells are their pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.duplicates.index import NearDuplicateIndex, count_differing, thumbnail


def change_pixels(image: np.ndarray, pixels: int, by: int, channel: int = 0) -> np.ndarray:
    changed = image.copy()
    changed.reshape(-1, image.shape[-1])[:pixels, channel] += np.uint8(by)
    return changed


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_fewer_than_four_cells_may_differ(channels):
    image = np.random.default_rng(0).integers(0, 200, (32, 32, channels), np.uint8)
    index = NearDuplicateIndex()
    assert index.add_if_new(image)
    for channel in range(channels):
        assert index.find(change_pixels(image, 3, 33, channel)) == 0
        assert index.find(change_pixels(image, 4, 33, channel)) is None
        assert index.find(change_pixels(image, 1024, 32, channel)) == 0  # as compression does


def test_differences_are_counted_per_cell_not_per_channel():
    image = np.zeros((32, 32, 3), np.uint8)
    changed = image.copy()
    changed[0, :2] = 255  # 2 cells, 3 channels each
    assert count_differing(thumbnail(image), thumbnail(changed)) == 2


def test_cells_are_means():
    image = np.zeros((64, 96, 1), np.uint8)
    image[:2, :3, 0] = [[60, 0, 0], [0, 0, 120]]  # the first cell: 180 in 6 pixels
    image[2:4, :3, 0] = 90
    cells = thumbnail(image)
    assert cells.shape == (1, 1024)
    assert cells[0, 0] == 30
    assert cells[0, 32] == 90
    assert cells.sum() == 120


def test_the_size_of_an_image_is_ignored():
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    index = NearDuplicateIndex()
    index.add(image)
    assert index.find(image.repeat(3, axis=0).repeat(5, axis=1)) == 0
    assert index.find(image[:, ::-1]) is None


def test_a_recompressed_image_is_found():
    ramp = np.linspace(0, 255, 120).astype(np.uint8)
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], ramp[:, None] // 2), axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=50)
    index = NearDuplicateIndex()
    index.add(image)
    assert not index.add_if_new(np.asarray(Image.open(buffer)))


def draw_screen(top: int, left: int) -> np.ndarray:
    screen = np.zeros((210, 160, 3), np.uint8)
    screen[top : top + 10, left : left + 8] = (150, 60, 60)
    return screen


def test_a_sprite_that_moves_by_its_own_size_is_new():
    index = NearDuplicateIndex()
    assert index.add_if_new(draw_screen(100, 80))
    assert not index.add_if_new(draw_screen(100, 81))
    assert index.add_if_new(draw_screen(100, 88))
    assert index.add_if_new(draw_screen(110, 80))


def test_the_nearest_is_found_among_many():
    images = np.random.default_rng(2).integers(0, 256, (200, 32, 32, 1), np.uint8)
    index = NearDuplicateIndex()
    for image in images:
        assert index.add_if_new(image)
    assert index.count == 200
    assert [index.find(image) for image in images] == list(range(200))
    base = images[7] // 2
    for pixels in (3, 1, 2):
        index.add(change_pixels(base, pixels, 100))
    assert index.find(base) == 201


def test_thresholds_can_be_set():
    image = np.zeros((32, 32, 1), np.uint8)
    index = NearDuplicateIndex(tolerance=2, min_cells=1)
    index.add(image)
    assert index.find(change_pixels(image, 1, 2)) == 0
    assert index.find(change_pixels(image, 1, 3)) is None
