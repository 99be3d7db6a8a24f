import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from PIL import Image, ImageEnhance

from gv_jax.data.augment.augmentations import AUGMENTATIONS, build_augmentation, chain_augmentations
from gv_jax.data.augment.mixing import symmetric_beta
from gv_jax.errors import UserError

STRENGTHS = dict.fromkeys(AUGMENTATIONS, 0.5) | {
    "pad_crop": 2,
    "rotate": 25.0,
    "shear": 20.0,
    "erase": 0.9,
}
MIXING = {"mixup", "cutmix"}
PICTURES = sorted(set(AUGMENTATIONS) - {"label_smoothing"})  # what changes pictures


def batch(n=16, height=10, width=12, channels=3):
    """Noise, and targets one-hot by number in the batch."""
    images = np.random.default_rng(0).random((n, height, width, channels), np.float32)
    return jnp.asarray(images), jnp.eye(n)


@cache
def compiled(name, strength):
    return jax.jit(AUGMENTATIONS[name](strength))


def augmented(name, images, targets, strength=None, seed=0):
    augment = compiled(name, STRENGTHS[name] if strength is None else strength)
    return augment(jax.random.key(seed), images, targets)


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"hue"}))
def test_a_strength_may_be_a_whole_number(name):
    found, _ = jax.eval_shape(AUGMENTATIONS[name](1), jax.random.key(0), *batch(n=2))
    assert found.dtype == jnp.float32


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", PICTURES)
def test_keeps_shapes_and_range_and_depends_on_the_key_only(name, channels):
    images, targets = batch(channels=channels)
    images = images.round()  # the ends of the range, where rounding would show
    found, mixed = augmented(name, images, targets)
    assert (found.shape, found.dtype) == (images.shape, jnp.float32)
    assert (mixed.shape, mixed.dtype) == (targets.shape, jnp.float32)
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-6)
    again, _ = augmented(name, images, targets)
    np.testing.assert_array_equal(again, found)
    other, _ = augmented(name, images, targets, seed=1)
    colourless = channels == 1 and name in ("saturation", "hue")
    assert np.array_equal(other, found) == colourless
    assert np.array_equal(images, found) == colourless


@pytest.mark.parametrize("name", sorted(set(PICTURES) - MIXING))
def test_every_sample_gets_its_own_draws_and_keeps_its_target(name):
    images, targets = batch(n=16)
    same = jnp.broadcast_to(images[:1], images.shape)
    found, kept = augmented(name, same, targets)
    assert len(np.unique(np.asarray(found).reshape(16, -1), axis=0)) > (1 if name == "flip" else 6)
    np.testing.assert_array_equal(kept, targets)


@pytest.mark.parametrize("name", sorted(set(PICTURES) - MIXING))
def test_no_sample_sees_another(name):
    images, targets = batch()
    changed, _ = augmented(name, images.at[3].set(0.5), targets)
    found, _ = augmented(name, images, targets)
    np.testing.assert_array_equal(np.delete(changed, 3, axis=0), np.delete(found, 3, axis=0))


@pytest.mark.parametrize("name", ["resized_crop", "pad_crop", "flip", "rotate", "shear"])
def test_alpha_moves_with_the_colours(name):
    images, targets = batch()
    found, _ = augmented(name, jnp.concatenate([images, images[..., :1]], axis=-1), targets)
    np.testing.assert_allclose(found[..., 3], found[..., 0], atol=1e-6)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_alpha_is_no_colour(name):
    images, targets = batch(channels=4)
    found, _ = augmented(name, images, targets)
    np.testing.assert_array_equal(found[..., 3], images[..., 3])


def test_flip():
    images, targets = batch()
    np.testing.assert_array_equal(augmented("flip", images, targets, 1)[0], images[:, :, ::-1])
    found, _ = augmented("flip", images, targets, 0.5)
    mirrored = [np.array_equal(new, old[:, ::-1]) for new, old in zip(found, images, strict=True)]
    kept = [np.array_equal(new, old) for new, old in zip(found, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 2 < sum(mirrored) < 14


def test_pad_crop_is_a_crop_of_the_padded_picture():
    images, targets = batch(n=40)
    found, _ = augmented("pad_crop", images, targets, 2)
    moves = []
    for new, old in zip(np.asarray(found), np.asarray(images), strict=True):
        padded = np.pad(old, ((2, 2), (2, 2), (0, 0)), mode="edge")
        crops = {(y, x): padded[y : y + 10, x : x + 12] for y in range(5) for x in range(5)}
        moves.append(next(move for move, crop in crops.items() if np.array_equal(new, crop)))
    assert {y for y, _ in moves} == {x for _, x in moves} == set(range(5))


def slopes(images):
    """How much a plane rises per pixel down and per pixel to the right.  # [n] and [n]"""
    middle = np.asarray(images)[:, 4:7, 5:8, 0]
    return (middle[:, 2] - middle[:, 0]).mean(axis=1) / 2, (middle[:, :, 2] - middle[:, :, 0]).mean(
        axis=1
    ) / 2


@pytest.mark.parametrize("name", ["rotate", "shear"])
def test_angles_fill_the_range_both_ways(name):
    ramp = jnp.broadcast_to(jnp.linspace(0, 1, 12).reshape(1, 1, 12, 1), (64, 11, 12, 1))
    down, right = slopes(augmented(name, ramp, jnp.eye(64), 20)[0])
    angles = np.degrees(np.arctan(down / right))
    assert abs(angles).max() < 20.1
    assert angles.min() < -15
    assert angles.max() > 15


def test_resized_crop_agrees_with_pillow():
    n, height, width = 48, 10, 12
    y = (jnp.arange(height, dtype=jnp.float32).reshape(1, -1, 1) + 0.5) / height
    x = (jnp.arange(width, dtype=jnp.float32).reshape(1, 1, -1) + 0.5) / width
    noise = batch(n, height, width, 1)[0][..., 0]
    planes = jnp.stack(
        [jnp.broadcast_to(y, noise.shape), jnp.broadcast_to(x, noise.shape), noise], axis=-1
    )
    found = np.asarray(augmented("resized_crop", planes, jnp.eye(n), 0.3)[0])
    shares, ratios = [], []
    for new, old in zip(found, np.asarray(noise), strict=True):
        tall = (new[5, 5, 0] - new[4, 5, 0]) * height  # shares of the sides
        wide = (new[5, 6, 1] - new[5, 5, 1]) * width
        top, left = new[4, 5, 0] - 0.45 * tall, new[4, 5, 1] - 5.5 / 12 * wide
        assert min(top, left) > -1e-4
        assert max(top + tall, left + wide) < 1 + 1e-4
        edges = np.clip([left, top, left + wide, top + tall], 0, 1) * [width, height, width, height]
        expected = Image.fromarray(old).resize(
            (width, height), Image.Resampling.BILINEAR, tuple(edges)
        )
        np.testing.assert_allclose(new[..., 2], np.asarray(expected), atol=1e-3)
        shares.append(tall * wide)
        ratios.append(wide / tall)
    assert 0.25 < min(shares) < 0.4 < 0.9 < max(shares) < 1.001
    assert 0.749 < min(ratios) < 0.85 < 1.2 < max(ratios) < 1.334


@pytest.mark.parametrize(
    ("name", "enhancer"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_factors_act_as_pillow_has_them(name, enhancer):
    pixels = np.random.default_rng(0).integers(
        90, 160, (32, 6, 7, 3), np.uint8
    )  # nothing is clipped
    found = 255 * np.asarray(augmented(name, jnp.float32(pixels) / 255, jnp.eye(32), 0.4)[0])
    factors = []
    for new, old in zip(found, pixels, strict=True):
        black = np.asarray(enhancer(Image.fromarray(old)).enhance(0.0), np.float32)
        change = old - black
        factors.append(((new - black) * change).sum() / (change**2).sum())  # least squares
        expected = np.asarray(
            enhancer(Image.fromarray(old)).enhance(float(factors[-1])), np.float32
        )
        np.testing.assert_allclose(new, expected, atol=1.6)
    assert 0.59 < min(factors) < 0.75 < 1.25 < max(factors) < 1.41


def test_hue_turns_both_ways_within_its_share():
    red = jnp.zeros((64, 1, 1, 3)).at[..., 0].set(1)
    found = np.asarray(augmented("hue", red, jnp.eye(64), 0.1)[0])[:, 0, 0]
    turns = (found[:, 1] - found[:, 2]) / 6  # near red, green rises one way and blue the other
    np.testing.assert_allclose(found[:, 0], 1)
    assert -0.1001 < turns.min() < -0.07 < 0.07 < turns.max() < 0.1001


def test_erase_covers_one_rectangle_with_one_opaque_colour():
    n, size = 64, 20
    images = batch(n, size, size, 4)[0]
    found = np.asarray(augmented("erase", images, jnp.eye(n), 1)[0])
    areas, ratios = [], []
    for new, old in zip(found, np.asarray(images), strict=True):
        rows, columns = np.nonzero((new != old).any(axis=-1))
        tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == tall * wide
        colours = np.unique(new[rows, columns], axis=0)
        assert len(colours) == 1
        assert colours[0, 3] == 1
        areas.append(tall * wide / size**2)
        ratios.append(tall / wide)
    assert (
        0.01 < min(areas) < 0.08 < 0.25 < max(areas) < 0.37
    )  # 0.02 to 0.33 but for the cut to whole pixels
    assert min(ratios) < 0.5 < 2 < max(ratios)


def test_erase_spares_the_rest():
    images, targets = batch(n=64)
    found, _ = augmented("erase", images, targets, 0.25)
    areas = (np.asarray(found) != np.asarray(images)).any(axis=3).mean(axis=(1, 2))
    assert 6 < (areas > 0).sum() < 28
    assert areas.max() > 0.2  # whether and how much are drawn apart


def test_mixup_by_hand():
    images = jnp.array([0.0, 0.4, 1.0]).reshape(3, 1, 1, 1)
    found, targets = augmented("mixup", images, jnp.eye(3), seed=1)
    share = float(targets[0, 0])
    assert 0 < share < 1
    expected = [[share, 0, 1 - share], [1 - share, share, 0], [0, 1 - share, share]]
    np.testing.assert_allclose(targets, expected, rtol=1e-5)
    np.testing.assert_allclose(
        found.ravel(), [1 - share, 0.4 * share, share + 0.4 * (1 - share)], rtol=1e-5
    )


@pytest.mark.parametrize("seed", range(12))
def test_cutmix_mixes_targets_by_the_pixels_pasted(seed):
    n, height, width = 4, 10, 15
    numbers = (
        jnp.arange(n, dtype=jnp.float32).reshape(n, 1, 1, 1) / n
    )  # each picture in the colour of its number
    images = jnp.broadcast_to(numbers, (n, height, width, 3))
    found, targets = augmented("cutmix", images, jnp.eye(n), seed=seed)
    origin = np.asarray(found[..., 0] * n).astype(int)
    for number in range(n):
        pasted = origin[number] == (number - 1) % n
        assert (pasted | (origin[number] == number)).all()
        rows, columns = pasted.any(axis=1), pasted.any(axis=0)
        np.testing.assert_array_equal(pasted, rows[:, None] & columns[None])  # a rectangle
        np.testing.assert_allclose(targets[number, number - 1], pasted.mean(), atol=1e-6)
        np.testing.assert_allclose(targets[number, number], 1 - pasted.mean(), atol=1e-6)


symmetric_betas = jax.jit(jax.vmap(symmetric_beta, in_axes=(0, None)))


@pytest.mark.parametrize("alpha", [0.01, 0.2, 0.5, 1.0, 4.0, 100.0])
def test_symmetric_beta_has_the_distribution_of_scipy(alpha):
    keys = jax.random.split(jax.random.key(0), 5000)
    draws = np.asarray(symmetric_betas(keys, alpha))
    assert 0 <= draws.min() <= draws.max() <= 1
    assert draws.mean() == pytest.approx(0.5, abs=0.03)
    expected = scipy.stats.beta(alpha, alpha)
    for place in (0.001, 0.1, 0.3, 0.48, 0.6, 0.9):
        assert (draws <= place).mean() == pytest.approx(
            expected.cdf(place), abs=0.025
        )  # 3.5 standard errors


def test_a_chain_is_one_after_the_other_with_their_own_keys():
    images, targets = batch()
    parts = [AUGMENTATIONS["flip"](0.5), AUGMENTATIONS["mixup"](1.0)]
    keys = jax.random.split(jax.random.key(3), 3)
    expected = parts[1](keys[2], *parts[0](keys[1], images, targets))
    for found, wanted in zip(
        chain_augmentations(parts)(jax.random.key(3), images, targets), expected, strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_an_empty_chain_changes_nothing():
    images, targets = batch()
    found, kept = jax.jit(chain_augmentations([]))(jax.random.key(0), images, targets)
    np.testing.assert_array_equal(found, images)
    np.testing.assert_array_equal(kept, targets)


def test_label_smoothing_spreads_its_share_over_all_classes():
    images, _ = batch(n=2)
    targets = jnp.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]])
    found, moved = AUGMENTATIONS["label_smoothing"](0.2)(jax.random.key(0), images, targets)
    np.testing.assert_array_equal(found, images)
    np.testing.assert_allclose(
        moved, [[0.85, 0.05, 0.05, 0.05], [0.05, 0.45, 0.45, 0.05]], atol=1e-6
    )


def test_build_goes_by_the_table_and_leaves_out_what_is_off():
    in_order = jax.jit(
        chain_augmentations([AUGMENTATIONS["pad_crop"](2), AUGMENTATIONS["erase"](1.0)])
    )
    off = dict.fromkeys(set(AUGMENTATIONS) - {"erase", "pad_crop"}, 0.0)
    built = jax.jit(build_augmentation({"erase": 1.0, "pad_crop": 2, **off}))
    found, expected = (augment(jax.random.key(0), *batch())[0] for augment in (built, in_order))
    np.testing.assert_array_equal(found, expected)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'cutmix'"):
        build_augmentation({"cutmx": 1.0})


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("strength", [-0.1, 10_000.0, math.nan])
def test_a_strength_out_of_range_is_refused_by_name(name, strength):
    with pytest.raises(UserError, match=rf"augment\.{name}="):
        build_augmentation({name: strength})


def test_pad_crop_takes_whole_pixels_below_the_size():
    with pytest.raises(UserError, match="whole number"):
        AUGMENTATIONS["pad_crop"](1.5)
    with pytest.raises(UserError, match="below the sides of 10x12"):
        augmented("pad_crop", *batch(), strength=10)
