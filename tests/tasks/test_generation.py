"""The inputs, targets and checks of the generation task."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.errors import UserError
from gv_jax.models.diffusion.flow_inputs import REGION
from gv_jax.tasks.generation import Generation
from gv_jax.tasks.generation_data import OPAQUE, SMOOTH
from gv_jax.training.layouts import average_regions, stack_layouts
from tests.tasks.configs import make_config, make_dataset

TASK = Generation(classes=("a", "b"), tileable=(False, True), alpha=(SMOOTH, SMOOTH))


def make_batch(count=64, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 4), dtype=np.uint8)
    return {"image": jnp.asarray(images), "label": jnp.arange(count, dtype=jnp.int32) % 2}


def test_inputs_and_velocity_give_the_image_back():
    batch = make_batch()
    images, labels = TASK.prepare_batch(batch)
    inputs, velocity = TASK.make_inputs(jax.random.key(0), images, labels)
    restored = inputs.images + (1 - inputs.times[:, None, None, None]) * velocity
    expected = np.asarray(images[::2])
    expected = np.concatenate([expected[..., :3] * expected[..., 3:], expected[..., 3:]], -1)
    np.testing.assert_allclose((restored[::2] + 1) / 2, expected, atol=1e-5)
    assert set(np.asarray(inputs.labels)) <= {0, 1, 2}
    np.testing.assert_array_equal(inputs.wraps, np.asarray(labels, np.float32))


def test_images_with_a_class_have_their_layout_and_noise():
    n = 400
    layouts = stack_layouts([np.zeros((1, 8 // REGION, 8 // REGION, 4), np.uint8)] * 2)
    task = Generation(("a", "b"), (False, True), (OPAQUE, OPAQUE), layouts, label_dropout=0.5)
    images = jnp.asarray(np.random.default_rng(0).random((n, 8, 8, 4)), jnp.float32)
    inputs, velocity = task.make_inputs(jax.random.key(0), images, jnp.arange(n) % 2)
    clean = inputs.images + (1 - inputs.times[:, None, None, None]) * velocity  # rolled, if "b"
    has_class, times = np.asarray(inputs.labels) < task.outputs, np.asarray(inputs.layout_times)
    assert 150 < has_class.sum() < 250
    assert times[has_class].min() >= 0.5
    ends = np.quantile(times[has_class], [0.1, 0.9])
    assert ends == pytest.approx([0.55, 0.95], abs=0.03)
    noise = np.asarray(inputs.layouts) - times[:, None, None, None] * average_regions(clean)
    noise = noise[has_class] / (1 - times[has_class][:, None, None, None])
    assert (noise.mean(), noise.std()) == pytest.approx((0, 1), abs=0.03)
    assert not np.asarray(inputs.layouts)[~has_class].any()
    assert not times[~has_class].any()
    without, _ = TASK.make_inputs(jax.random.key(0), images, jnp.arange(n) % 2)
    assert not np.asarray(without.layouts).any()
    assert not np.asarray(without.layout_times).any()


def test_only_images_of_tileable_classes_are_rolled():
    rows = np.broadcast_to(np.arange(8)[:, None, None] / 7, (8, 8, 4))
    images = jnp.asarray(np.repeat(rows[None], 32, 0), jnp.float32)
    task = Generation(classes=("a", "b"), tileable=(False, True), alpha=(OPAQUE, OPAQUE))
    inputs, velocity = task.make_inputs(jax.random.key(0), images, jnp.arange(32) % 2)
    restored = np.asarray(inputs.images + (1 - inputs.times[:, None, None, None]) * velocity)
    alpha = (restored[..., 3] + 1) / 2
    np.testing.assert_allclose(alpha[::2, :, 0], np.broadcast_to(rows[:, 0, 0], (16, 8)), atol=1e-5)
    starts = alpha[1::2, 0, 0].round(3)
    assert len(set(starts.tolist())) > 3


def test_hidden_colors_do_not_count():
    batch = make_batch()
    images = batch["image"].at[..., 3].set(jnp.where(batch["image"][..., 3] > 99, 255, 0))
    hidden = jnp.where(images[..., 3:] == 0, jnp.uint8(77), images)
    others = jnp.concatenate([hidden[..., :3], images[..., 3:]], -1)
    key = jax.random.key(0)
    first, second = (
        TASK.make_inputs(key, *TASK.prepare_batch({**batch, "image": x})) for x in (images, others)
    )
    np.testing.assert_array_equal(first[0].images, second[0].images)
    np.testing.assert_array_equal(first[1], second[1])


def test_the_loss_is_the_mean_squared_error_of_each_image():
    outputs = jnp.zeros((2, 4, 4, 3)).at[1].set(2.0)
    np.testing.assert_allclose(TASK.metrics(outputs, jnp.ones((2, 4, 4, 3)))["loss"], [1, 1])
    np.testing.assert_allclose(TASK.metrics(outputs, outputs + 3)["loss"], [9, 9])


def test_unknown_tileable_class_names_the_nearest():
    config = make_config("generation", "velocity_unet", **{"generation.tileable": ("wal",)})
    with pytest.raises(UserError, match=r"config\.generation\.tileable.*'wal'.*'wall'"):
        Generation.from_config(config, make_dataset(classes=("wall", "floor")))


def test_few_images_are_warned_of(caplog):
    config = make_config("generation", "velocity_unet")
    Generation.from_config(config, make_dataset(classes=("wall", "floor")))
    assert "4 training images" in caplog.text
    assert "floor (0)" in caplog.text


@pytest.mark.parametrize("size", [(0, 0), (10, 15)])
def test_images_that_the_network_cannot_fold(size):
    config = make_config("generation", "velocity_unet", **{"data.size": size})
    dataset = make_dataset(np.zeros((4, 10, 15, 3), np.uint8))
    check = Generation.validate if any(size) else partial(Generation.from_config, dataset=dataset)
    with pytest.raises(UserError, match=r"\(10, 15\).*config\.data\.size.* 4"):
        check(config)
