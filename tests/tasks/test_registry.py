"""Every task by hand-worked numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gv_jax.tasks.classification import Classification
from gv_jax.tasks.super_resolution import SuperResolution
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.image.resample import downsample_2x, upsample_2x

KEY = jax.random.key(0)  # nothing here is random


def test_pictures_become_normalised_floats_and_labels_become_targets():
    task = Classification(classes=3, mean=(0.0, 1.0), std=(1.0, 0.5))
    batch = {"image": jnp.full((1, 1, 1, 2), 51, jnp.uint8), "label": jnp.array([2], jnp.int32)}
    images, targets = task.unpack(batch)
    inputs, encoded = task.encode(KEY, images, targets)
    np.testing.assert_allclose(images, [[[[0.2, 0.2]]]], rtol=1e-6)
    np.testing.assert_allclose(inputs, [[[[0.2, -1.6]]]], rtol=1e-6)
    np.testing.assert_array_equal(encoded, [[0, 0, 1]])


def test_scores_are_those_of_each_sample():
    logits = jnp.array([[0.0, np.log(3)], [np.log(3), 0.0]], jnp.float32)
    scores = Classification(classes=2).scores(logits, jnp.array([[0.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_allclose(
        scores["loss"], [-np.log(0.75), -0.5 * np.log(0.75) - 0.5 * np.log(0.25)], rtol=1e-6
    )
    np.testing.assert_array_equal(scores["accuracy"], [1.0, 1.0])


def noise(*shape):
    return jnp.asarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def test_super_resolution_is_told_what_augmentation_left_at_half_its_size():
    task = SuperResolution()
    images, labels = task.unpack({"image": noise(2, 12, 16, 3), "label": jnp.zeros(2, jnp.int32)})
    flipped = images[:, :, ::-1]
    inputs, targets = task.encode(KEY, flipped, labels)
    plain, _ = task.encode(KEY, images, labels)
    np.testing.assert_array_equal(targets, flipped)
    np.testing.assert_array_equal(inputs, plain[:, :, ::-1])
    assert inputs.shape == (2, 6, 8, 3)
    small = Image.fromarray(np.asarray(noise(2, 12, 16, 3))[0]).resize(
        (8, 6), Image.Resampling.BICUBIC
    )
    np.testing.assert_allclose(
        plain[0], np.asarray(small) / 255, atol=1.01 / 255
    )  # PIL rounds between two passes


def test_super_resolution_scores_by_hand():
    targets = jnp.full((2, 12, 12, 1), 0.2)
    outputs = targets + jnp.array([0.2, 0.4]).reshape(2, 1, 1, 1)
    scores = SuperResolution().scores(outputs, targets)
    np.testing.assert_allclose(scores["loss"], [0.2, 0.4], rtol=1e-5)
    np.testing.assert_allclose(scores["psnr"], -20 * np.log10([0.2, 0.4]), rtol=1e-5)


def test_bicubic_stands_beside_what_the_network_answers():
    targets = noise(3, 16, 16, 3).astype(jnp.float32) / 255
    record = SuperResolution().record(upsample_2x(downsample_2x(targets)), targets)
    for name in ("mse", "psnr", "ssim", "loss"):
        np.testing.assert_allclose(record[name], record[f"baseline_{name}"])
    np.testing.assert_allclose(record["psnr"], -10 * np.log10(record["mse"]), rtol=1e-5)


def test_odd_pictures_cannot_be_halved():
    with pytest.raises(UserError, match="pictures of 15x16 cannot be halved"):
        SuperResolution().encode(KEY, jnp.zeros((1, 15, 16, 3)), jnp.zeros((1, 0)))
