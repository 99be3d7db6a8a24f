"""What counts as nearly the same, worked out by hand on 32x32 pictures, whose cells are their pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.duplicates.index import NearDuplicateIndex, count_differing, thumbnail


def changed(image: np.ndarray, pixels: int, by: int, channel: int = 0) -> np.ndarray:
    other = image.copy()
    other.reshape(-1, image.shape[-1])[:pixels, channel] += np.uint8(by)
    return other


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_fewer_than_four_cells_may_differ(channels):
    image = np.random.default_rng(0).integers(0, 200, (32, 32, channels), np.uint8)
    seen = NearDuplicateIndex()
    assert seen.is_new(image)
    for channel in range(channels):
        assert seen.find(changed(image, 3, 33, channel)) == 0
        assert seen.find(changed(image, 4, 33, channel)) is None
        assert (
            seen.find(changed(image, 1024, 32, channel)) == 0
        )  # a little everywhere: compression, noise


def test_differences_are_counted_per_cell_not_per_channel():
    image = np.zeros((32, 32, 3), np.uint8)
    other = image.copy()
    other[0, :2] = 255  # 2 cells, 3 channels each
    assert count_differing(thumbnail(image), thumbnail(other)) == 2


def test_cells_are_means():
    image = np.zeros((64, 96, 1), np.uint8)
    image[:2, :3, 0] = [[60, 0, 0], [0, 0, 120]]  # the first cell: 180 in 6 pixels
    image[2:4, :3, 0] = 90
    cells = thumbnail(image)
    assert cells.shape == (1, 1024)
    assert cells[0, 0] == 30
    assert cells[0, 32] == 90
    assert cells.sum() == 120


def test_the_size_of_a_picture_does_not_matter():
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    seen = NearDuplicateIndex()
    seen.add(image)
    assert seen.find(image.repeat(3, axis=0).repeat(5, axis=1)) == 0
    assert seen.find(image[:, ::-1]) is None


def test_a_recompressed_picture_is_found():
    ramp = np.linspace(0, 255, 120).astype(np.uint8)
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], ramp[:, None] // 2), axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=50)
    seen = NearDuplicateIndex()
    seen.add(image)
    assert not seen.is_new(np.asarray(Image.open(buffer)))


def test_a_sprite_is_seen_when_it_moves_by_its_own_size():
    def frame(top: int, left: int) -> np.ndarray:
        screen = np.zeros((210, 160, 3), np.uint8)
        screen[top : top + 10, left : left + 8] = (150, 60, 60)
        return screen

    seen = NearDuplicateIndex()
    assert seen.is_new(frame(100, 80))
    assert not seen.is_new(frame(100, 81))
    assert seen.is_new(frame(100, 88))
    assert seen.is_new(frame(110, 80))


def test_the_nearest_is_named_however_many_there_are():
    images = np.random.default_rng(2).integers(0, 256, (200, 32, 32, 1), np.uint8)
    seen = NearDuplicateIndex()
    for image in images:
        assert seen.is_new(image)
    assert seen.count == 200
    assert [seen.find(image) for image in images] == list(range(200))
    base = images[7] // 2
    for pixels in (3, 1, 2):
        seen.add(changed(base, pixels, 100))
    assert seen.find(base) == 201


def test_thresholds_can_be_set():
    image = np.zeros((32, 32, 1), np.uint8)
    seen = NearDuplicateIndex(tolerance=2, fewest=1)
    seen.add(image)
    assert seen.find(changed(image, 1, 2)) == 0
    assert seen.find(changed(image, 1, 3)) is None
