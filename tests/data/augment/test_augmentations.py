"""Properties that every augmentation has, and the chain of all of them."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.data.augment.augmentations import AUGMENTATIONS, build_augmentation, chain_augmentations
from gv_jax.data.augment.geometric import random_crop
from gv_jax.errors import UserError
from tests.data.augment.batches import augment, make_batch

IMAGE_AUGMENTATIONS = sorted(set(AUGMENTATIONS) - {"label_smoothing"})
PER_SAMPLE = sorted(set(IMAGE_AUGMENTATIONS) - {"mixup", "cutmix"})


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"hue"}))
def test_strength_may_be_an_integer(name):
    images, _ = jax.eval_shape(AUGMENTATIONS[name](1), jax.random.key(0), *make_batch(n=2))
    assert images.dtype == jnp.float32


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", IMAGE_AUGMENTATIONS)
def test_keeps_shapes_and_range_and_depends_on_the_key_only(name, channels):
    images, targets = make_batch(channels=channels)
    images = images.round()  # the ends of the range, where rounding errors would show
    augmented, mixed = augment(name, images, targets)
    assert (augmented.shape, augmented.dtype) == (images.shape, jnp.float32)
    assert (mixed.shape, mixed.dtype) == (targets.shape, jnp.float32)
    assert 0 <= augmented.min() <= augmented.max() <= 1
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-6)
    again, _ = augment(name, images, targets)
    np.testing.assert_array_equal(again, augmented)
    other, _ = augment(name, images, targets, seed=1)
    no_effect = channels == 1 and name in ("saturation", "hue")
    assert np.array_equal(other, augmented) == no_effect
    assert np.array_equal(images, augmented) == no_effect


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_every_sample_has_its_own_draws_and_keeps_its_target(name):
    images, targets = make_batch(n=16)
    same = jnp.broadcast_to(images[:1], images.shape)
    augmented, unchanged = augment(name, same, targets)
    distinct = np.unique(np.asarray(augmented).reshape(16, -1), axis=0)
    assert len(distinct) > (1 if name == "flip" else 6)
    np.testing.assert_array_equal(unchanged, targets)


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_samples_do_not_influence_each_other(name):
    images, targets = make_batch()
    changed, _ = augment(name, images.at[3].set(0.5), targets)
    augmented, _ = augment(name, images, targets)
    np.testing.assert_array_equal(np.delete(changed, 3, axis=0), np.delete(augmented, 3, axis=0))


def test_chain_applies_in_order_with_separate_keys():
    images, targets = make_batch()
    parts = [AUGMENTATIONS["flip"](0.5), AUGMENTATIONS["mixup"](1.0)]
    keys = jax.random.split(jax.random.key(3), 3)
    expected = parts[1](keys[2], *parts[0](keys[1], images, targets))
    chained = chain_augmentations(parts)(jax.random.key(3), images, targets)
    for array, expected_array in zip(chained, expected, strict=True):
        np.testing.assert_array_equal(array, expected_array)


def test_empty_chain_changes_nothing():
    images, targets = make_batch()
    augmented, unchanged = jax.jit(chain_augmentations([]))(jax.random.key(0), images, targets)
    np.testing.assert_array_equal(augmented, images)
    np.testing.assert_array_equal(unchanged, targets)


def apply_compiled(augmentation):
    return jax.jit(augmentation)(jax.random.key(0), *make_batch())[0]


def test_build_follows_the_table_without_what_is_off_or_excluded():
    expected = chain_augmentations([AUGMENTATIONS["pad_crop"](2), AUGMENTATIONS["flip"](0.5)])
    off = dict.fromkeys(set(AUGMENTATIONS) - {"flip", "pad_crop"}, 0.0) | {"random_crop": 0}
    built = build_augmentation({"flip": 0.5, "pad_crop": 2, **off})
    np.testing.assert_array_equal(apply_compiled(built), apply_compiled(expected))
    excluding = build_augmentation(
        {"flip": 0.5, "pad_crop": 2, "mixup": -1.0, "random_crop": 5}, ("mixup", "random_crop")
    )
    np.testing.assert_array_equal(apply_compiled(excluding), apply_compiled(expected))


def test_random_crop_comes_before_the_others():
    others = chain_augmentations([AUGMENTATIONS["flip"](0.5)])
    expected = chain_augmentations([random_crop(5), others])
    built = build_augmentation({"flip": 0.5, "random_crop": 5})
    assert apply_compiled(built).shape == (16, 5, 5, 3)
    np.testing.assert_array_equal(apply_compiled(built), apply_compiled(expected))


@pytest.mark.parametrize(
    ("name", "nearest"), [("cutmx", "cutmix"), ("random_cropp", "random_crop")]
)
def test_unknown_name(name, nearest):
    with pytest.raises(UserError, match=f"'{name}'.*'{nearest}'"):
        build_augmentation({name: 1.0})


@pytest.mark.parametrize("name", [*AUGMENTATIONS, "random_crop"])
@pytest.mark.parametrize("strength", [-0.1, 100_000.0, math.nan])
def test_strength_out_of_range(name, strength):
    with pytest.raises(UserError, match=rf"config\.augment\.{name}={strength}"):
        build_augmentation({name: strength})


@pytest.mark.parametrize("name", ["pad_crop", "random_crop"])
def test_fraction_of_a_pixel(name):
    with pytest.raises(UserError, match=rf"config\.augment\.{name}=1\.5"):
        build_augmentation({name: 1.5})
