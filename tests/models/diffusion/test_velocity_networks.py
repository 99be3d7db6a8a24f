"""Velocity networks: shapes, what they depend on, and how images wrap around."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from gv_jax import models
from gv_jax.models.diffusion.condition import time_waves
from gv_jax.models.diffusion.dit import wave_positions
from gv_jax.models.diffusion.flow_inputs import REGION, FlowInputs, append_layouts
from gv_jax.models.diffusion.velocity_unet import fold_pixels
from gv_jax.models.diffusion.wrap_conv import WrapConv
from gv_jax.models.layers import pixel_shuffle
from gv_jax.models.summary import count_params, layer_shapes

CLASSES = 3


def make_inputs(size=(16, 24), channels=4, seed=0):
    images = jax.random.normal(jax.random.key(seed), (2, *size, channels))
    labels, wraps = jnp.array([0, 2], jnp.int32), jnp.array([0.0, 1.0])
    sides = [side // REGION for side in size]
    layouts = jax.random.uniform(jax.random.key(seed), (2, *sides, channels))
    return FlowInputs(
        images, jnp.array([0.25, 0.75]), labels, layouts, jnp.array([0.6, 0.8]), wraps
    )


def random_model(name, channels=4):
    """A network whose parameters are all random: outputs of a new one are 0."""
    model = models.build(name, inputs=channels, classes=CLASSES, rngs=nnx.Rngs(0))
    graph, params = nnx.split(model)
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    leaves = [
        leaf + 0.05 * jax.random.normal(key, leaf.shape)
        for leaf, key in zip(leaves, keys, strict=True)
    ]
    return nnx.merge(graph, jax.tree.unflatten(tree, leaves))


@pytest.mark.parametrize("name", models.GENERATORS)
@pytest.mark.parametrize(("size", "channels"), [((16, 24), 4), ((32, 32), 3), ((64, 16), 1)])
def test_the_velocity_has_the_shape_of_the_images(name, size, channels):
    def apply(inputs):
        model = models.build(name, inputs=channels, classes=CLASSES, rngs=nnx.Rngs(0))
        return model(inputs)

    inputs = make_inputs(size, channels)
    output = jax.eval_shape(apply, inputs)
    assert (output.shape, output.dtype) == (inputs.images.shape, jnp.float32)


@pytest.mark.parametrize("name", models.GENERATORS)
def test_a_new_network_predicts_no_velocity(name):
    model = models.build(name, inputs=4, classes=CLASSES, rngs=nnx.Rngs(0))
    np.testing.assert_array_equal(model(make_inputs()), 0)


@pytest.mark.parametrize("name", models.GENERATORS)
@pytest.mark.parametrize("field", ["images", "times", "labels", "layouts", "layout_times", "wraps"])
def test_each_image_depends_on_its_own_inputs_only(name, field):
    model, inputs = random_model(name), make_inputs()
    before = np.asarray(model(inputs))
    value = getattr(inputs, field)
    changed = inputs._replace(
        **{field: value.at[1].set(1 - value[1] / 2 if field != "labels" else 3)}
    )
    after = np.asarray(model(changed))
    np.testing.assert_allclose(after[0], before[0], atol=1e-5)
    assert np.abs(after[1] - before[1]).max() > 1e-3


def test_rolling_an_image_that_wraps_rolls_the_velocity():
    model, inputs = random_model("velocity_unet"), make_inputs()
    rolled = inputs._replace(
        images=jnp.roll(inputs.images, (4, 8), (1, 2)),
        layouts=jnp.roll(inputs.layouts, (4 // REGION, 8 // REGION), (1, 2)),
    )
    expected = np.roll(np.asarray(model(inputs)), (4, 8), (1, 2))
    actual = np.asarray(model(rolled))
    np.testing.assert_allclose(actual[1], expected[1], atol=1e-4)
    assert np.abs(actual[0] - expected[0]).max() > 1e-2


def test_a_layout_lies_over_the_regions_that_it_states():
    inputs = make_inputs()
    channels = append_layouts(inputs)
    assert channels.shape == (2, 16, 24, 8)
    np.testing.assert_array_equal(channels[..., :4], inputs.images)
    for row, column in ((0, 0), (5, 9), (15, 23)):
        np.testing.assert_array_equal(
            channels[:, row, column, 4:], inputs.layouts[:, row // REGION, column // REGION]
        )


def test_convolution_wraps_or_pads_with_zeros():
    conv = WrapConv(3, 5, rngs=nnx.Rngs(0))
    conv.bias[...] = jnp.arange(5.0)
    x = jax.random.normal(jax.random.key(0), (2, 6, 7, 3))
    y = conv(x, jnp.array([0.0, 1.0]))
    padded = (
        jnp.stack([jnp.pad(x[0], ((1, 1), (1, 1), (0, 0)))]),
        jnp.stack([jnp.pad(x[1], ((1, 1), (1, 1), (0, 0)), mode="wrap")]),
    )
    expected = lax.conv_general_dilated(
        jnp.concatenate(padded),
        conv.kernel[...],
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    np.testing.assert_allclose(y, np.asarray(expected) + np.arange(5), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [2, 4])
def test_folding_is_the_inverse_of_the_pixel_shuffle(scale):
    x = jax.random.normal(jax.random.key(0), (2, 8, 12, 3))
    np.testing.assert_array_equal(pixel_shuffle(fold_pixels(x, scale), scale), x)


def test_times_and_positions_have_waves_of_their_own():
    waves = np.asarray(time_waves(jnp.linspace(0, 1, 101)))
    distances = np.linalg.norm(waves[:, None] - waves[None], axis=-1)
    assert (distances + np.eye(101)).min() > 0.1
    positions = wave_positions(4, 6, 64)[0]
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    assert (distances + 10 * np.eye(24)).min() > 0.5


def test_sizes_and_layers_of_the_networks():
    unet = nnx.eval_shape(
        lambda: models.build("velocity_unet", inputs=4, classes=15, rngs=nnx.Rngs(0))
    )
    assert count_params(unet) == (1_842_000, 1_842_000)
    shapes = {name: shape for name, _, shape in layer_shapes(unet, (32, 32), 4)}
    assert shapes["shrink"] == (1, 8, 8, 128)
    assert shapes["unfold"] == (1, 32, 32, 4)
