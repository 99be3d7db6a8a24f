"""Super-resolution against PIL and numbers worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.image.resample import downsample_2x, upsample_2x
from gv_jax.tasks.super_resolution import SuperResolution

KEY = jax.random.key(0)  # nothing here is random


def noise(*shape):
    return jnp.asarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def test_input_is_the_augmented_image_at_half_its_size():
    task = SuperResolution()
    batch = {"image": noise(2, 12, 16, 3), "label": jnp.zeros(2, jnp.int32)}
    images, labels = task.prepare_batch(batch)
    flipped = images[:, :, ::-1]
    flipped_inputs, targets = task.make_inputs(KEY, flipped, labels)
    inputs, _ = task.make_inputs(KEY, images, labels)
    np.testing.assert_array_equal(targets, flipped)
    np.testing.assert_array_equal(flipped_inputs, inputs[:, :, ::-1])
    assert flipped_inputs.shape == (2, 6, 8, 3)
    pil = Image.fromarray(np.asarray(batch["image"])[0]).resize((8, 6), Image.Resampling.BICUBIC)
    # PIL rounds between its two passes
    np.testing.assert_allclose(inputs[0], np.asarray(pil) / 255, atol=1.01 / 255)


def test_odd_sides_are_refused():
    with pytest.raises(UserError, match=r"12x15.*config\.data\.size"):
        SuperResolution().make_inputs(KEY, jnp.zeros((1, 12, 15, 3)), jnp.zeros((1, 0)))


def test_metrics_by_hand():
    targets = jnp.full((2, 12, 12, 1), 0.2)
    outputs = targets + jnp.array([0.2, 0.4]).reshape(2, 1, 1, 1)
    metrics = SuperResolution().metrics(outputs, targets)
    np.testing.assert_allclose(metrics["loss"], [0.2, 0.4], rtol=1e-5)
    np.testing.assert_allclose(metrics["psnr"], -20 * np.log10([0.2, 0.4]), rtol=1e-5)


def test_evaluation_compares_with_bicubic():
    targets = noise(3, 16, 16, 3).astype(jnp.float32) / 255
    bicubic = upsample_2x(downsample_2x(targets))
    values = jax.jit(SuperResolution().eval_outputs)(bicubic, targets)
    for name in ("mse", "psnr", "ssim", "loss"):
        np.testing.assert_allclose(values[name], values[f"baseline_{name}"], rtol=1e-5)
    np.testing.assert_allclose(values["psnr"], -10 * np.log10(values["mse"]), rtol=1e-5)
