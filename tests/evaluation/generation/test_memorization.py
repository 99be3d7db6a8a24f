"""Nearest training images against a loop over all pairs and shifts, and which are copies."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.evaluation.generation import memorization
from gv_jax.evaluation.generation.memorization import MIN_KEPT, Grid, Pooled, find_nearest


def random_images(count, size=(12, 10), channels=4, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *size, channels), np.uint8)
    if channels == 4:
        images[..., 3] = rng.choice(np.uint8([0, 128, 255]), images.shape[:3])
    return images


def premultiply(image):
    if image.shape[-1] == 3:
        return image.astype(float)
    return np.asarray(Image.fromarray(image, "RGBA").convert("RGBa")).astype(float)


def keeps_enough(whole, part):
    deviations = [np.square(pixels - whole.mean((0, 1))).sum() for pixels in (part, whole)]
    return deviations[0] >= MIN_KEPT * deviations[1]


def loop_distance(image, other, wrap, max_shift):
    x, y, (h, w) = premultiply(image), premultiply(other), image.shape[:2]
    best = np.inf
    for source in (x, x[:, ::-1]):
        for down in range(-max_shift, max_shift + 1):
            for right in range(-max_shift, max_shift + 1):
                rows, columns = (
                    slice(max(down, 0), h + min(down, 0)),
                    slice(max(right, 0), w + min(right, 0)),
                )
                shifted = np.roll(source, (down, right), (0, 1))
                part, other_part = shifted, y
                if not wrap:
                    part, other_part = shifted[rows, columns], y[rows, columns]
                    if not (keeps_enough(source, part) and keeps_enough(y, other_part)):
                        continue
                best = min(best, np.sqrt(np.square(part - other_part).mean()) / 255)
    return best


@pytest.mark.parametrize("channels", [3, 4])
def test_result_is_that_of_comparing_all_pairs(channels):
    images, training = random_images(6, channels=channels), random_images(150, channels=channels)
    training = np.roll(training, 3, 0)  # holds the images themselves
    training[::2] = training[::2] // 8 * 8 + 3
    images[2:4, 2:] = 7  # content at the border only
    groups, wrap = np.arange(150) // 4, np.arange(6) % 2 == 0
    found = find_nearest(images, training, groups, wrap=wrap, max_shift=1)
    for row, image in enumerate(images):
        distances = np.array([loop_distance(image, other, wrap[row], 1) for other in training])
        nearest = found.index[row]
        assert found.distance[row] == pytest.approx(distances.min())
        assert distances[nearest] == pytest.approx(distances.min())
        second = distances[groups != groups[nearest]].min()
        assert found.second_distance[row] == pytest.approx(second)
        assert found.ratio[row] == pytest.approx(distances.min() / second)


@pytest.mark.parametrize("wrap", [False, True])
def test_bounds_are_below_the_distances_and_not_far_from_them(wrap):
    """Of images whose cells are nearly flat, so that a bound is nearly the distance."""
    cells = random_images(14, (9, 9), channels=3)
    images = cells.repeat(2, 1).repeat(2, 2)[:, :17, :18]
    pixels = images.astype(float)
    views = memorization.make_views((17, 18), 2, wrap)
    grid = Grid.of(17, 18)
    squares = memorization.masked_squares(pixels, [view.source_mask for view in views])
    pooled = Pooled.of(images[4:], grid, views)
    bounds = memorization.lower_bounds(pixels[:4], squares[:4], pooled, grid, views)
    true = [[loop_distance(x, y, wrap, 2) for y in images[4:]] for x in images[:4]]
    ratios = np.sqrt(bounds) / 255 / np.array(true)
    assert ratios.max() <= 1 + 1e-9
    assert ratios.min() > 0.5


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("shift", [(0, 0), (2, -1), (-2, 2)])
def test_a_shifted_mirrored_copy_is_found(wrap, shift):
    training = random_images(200, (16, 16))
    copy = np.roll(training[77:78, :, ::-1], shift, (1, 2))
    if not wrap:
        new = random_images(1, (16, 16), seed=5)
        inside = np.zeros((16, 16, 1), bool)
        inside[
            max(shift[0], 0) : 16 + min(shift[0], 0), max(shift[1], 0) : 16 + min(shift[1], 0)
        ] = 1
        copy = np.where(inside, copy, new)
    found = find_nearest(copy, training, np.arange(200), wrap=np.array([wrap]))
    assert found.index.tolist() == [77]
    assert found.distance.tolist() == [0]
    assert found.is_copy.all()


def test_only_images_that_wrap_are_compared_across_the_border():
    training = random_images(100, (16, 16), channels=3)
    rolled = np.roll(training[[5, 5]], 2, 2)
    rolled[:, :, :2] = 255 - rolled[:, :, :2]
    found = find_nearest(rolled, training, np.arange(100), wrap=np.array([False, True]))
    assert found.distance[0] == 0
    assert found.distance[1] > 0.05


def test_variants_of_a_copied_image_are_no_reason_to_clear_it_and_variants_are_no_copies():
    base = random_images(40, (16, 16), channels=3)
    noise = np.random.default_rng(1).integers(-6, 7, base.shape)
    training = np.concatenate([base, (base + noise).clip(0, 255).astype(np.uint8)])
    as_variants = np.tile(np.arange(40), 2)
    near = (base[:5] + np.roll(noise, 1, 0)[:5]).clip(0, 255).astype(np.uint8)
    wrap = np.zeros(5, bool)
    assert find_nearest(near, training, as_variants, wrap=wrap).is_copy.all()
    # Without groups, the variant of the nearest image is about as near as that one.
    assert not find_nearest(near, training, np.arange(80), wrap=wrap).is_copy.any()


def test_new_images_are_no_copies():
    images, training = random_images(20, seed=1), random_images(100)
    assert not find_nearest(images, training, np.arange(100), wrap=np.zeros(20, bool)).is_copy.any()


def test_colors_under_alpha_0_do_not_count():
    training = random_images(30)
    images = training[:3].copy()
    images[..., :3][images[..., 3] == 0] = 200
    found = find_nearest(images, training, np.arange(30), wrap=np.zeros(3, bool))
    assert found.distance.tolist() == [0, 0, 0]


def test_content_at_the_border_is_not_shifted_away():
    """Two different corners on transparent tiles have a distance."""
    training = np.zeros((2, 16, 16, 4), np.uint8)
    training[0, 0, 0] = 255
    training[1, 4:12, 4:12] = 255
    image = np.zeros((1, 16, 16, 4), np.uint8)
    image[0, 15, 15] = 255
    found = find_nearest(image, training, np.arange(2), wrap=np.array([False]))
    assert found.distance[0] == pytest.approx(np.sqrt(2 / 256))


def test_one_group_has_no_ratio_and_only_equal_images_are_copies():
    training = random_images(5)
    images = np.concatenate([training[:1], random_images(1, seed=3)])
    found = find_nearest(images, training, np.zeros(5, int), wrap=np.zeros(2, bool))
    assert np.isnan(found.ratio).all()
    assert np.isinf(found.second_distance).all()
    assert found.is_copy.tolist() == [True, False]


def test_no_images_have_no_neighbors():
    found = find_nearest(random_images(0), random_images(3), np.arange(3), wrap=np.zeros(0, bool))
    assert len(found.index) == len(found.is_copy) == 0
