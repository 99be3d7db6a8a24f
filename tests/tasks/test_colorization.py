"""What colorization is scored by, against NumPy and scikit-image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.color import rgb2lab

from gv_jax.data.augment.degrade import build_degradation
from gv_jax.tasks.color_heads import COLOR_HEADS, HeadSpec
from gv_jax.tasks.colorization import lab_to_display_rgb, learned

KEY = jax.random.key(0)
MEASURES = {
    "mse",
    "mae",
    "psnr",
    "ssim",
    "ciede2000",
    "within_5",
    "colourfulness",
    "colourfulness_error",
    "change",
}


def of_channels(channels: int):
    return lambda census, doubt: COLOR_HEADS["mse"](HeadSpec(census, doubt, channels, 0, 0.0, 0.0))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """uint8 [3 12 16 3]: the second has the same greys as the first, in part in other colours."""
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 16, 3), dtype=np.uint8)
    images[1] = images[0]
    return images


@pytest.fixture(scope="module")
def told(images):
    """(task, inputs, targets) of pictures that are told in four shades, their lightness answered too."""
    task = learned(images, build_degradation({"gray_levels": 4}), of_channels(3))
    batch = {"image": jnp.asarray(images), "label": jnp.zeros(3, jnp.int32)}
    return task, *task.encode(KEY, *task.unpack(batch))


def test_the_network_is_told_the_degraded_lightness(images, told):
    _, inputs, targets = told
    assert set(np.unique(np.asarray(targets["greys"]) * 3)) == {0, 1, 2, 3}
    light = rgb2lab(np.repeat(np.asarray(targets["greys"]), 3, -1))[..., :1]
    np.testing.assert_allclose(inputs, light / 50 - 1, atol=1e-4)
    exact = rgb2lab(images)[..., :1]
    assert np.abs(exact - light).mean() < 12  # a shade spans a third of the range
    np.testing.assert_allclose(targets["originals"], images / 255, atol=1e-6)


def test_scores_are_of_the_colours_answered(images, told):
    task, _, targets = told
    outputs = jax.random.normal(jax.random.key(1), (3, 12, 16, 3))
    answered = np.tanh(np.asarray(outputs, np.float64)) * [50, 128, 128] + [50, 0, 0]
    wrong = (answered - rgb2lab(images)) / 128
    scores = task.scores(outputs, targets)
    np.testing.assert_allclose(scores["loss"], np.square(wrong).mean((1, 2, 3)), rtol=1e-3)
    np.testing.assert_allclose(scores["mse"], np.square(wrong[..., 1:]).mean((1, 2, 3)), rtol=1e-3)


def test_records_have_every_measure_of_the_answer_and_of_every_floor(images, told):
    task, _, targets = told
    lab = rgb2lab(images)
    outputs = jnp.arctanh(
        jnp.asarray((lab - [50, 0, 0]) / [50.01, 128, 128], jnp.float32)
    )  # the originals
    record = task.record(outputs, targets)
    floors = [
        f"{floor}/{name}" for floor in ("grey", "mean_colour", "grey_lookup") for name in MEASURES
    ]
    assert set(record) == {"loss", "pixels", "original/change", *MEASURES, *floors}
    np.testing.assert_allclose(record["within_5"], 1)
    np.testing.assert_allclose(
        record["grey/mse"], np.square(lab[..., 1:] / 128).mean((1, 2, 3)), rtol=1e-3
    )
    shades = np.asarray(targets["greys"])[..., 0]
    means = np.zeros_like(lab)
    for shade in np.unique(shades):
        means[shades == shade] = lab[shades == shade].mean(0)
    expected = np.square((means - lab)[..., 1:] / 128).mean((1, 2, 3))
    np.testing.assert_allclose(record["grey_lookup/mse"], expected, rtol=1e-3)
    np.testing.assert_allclose(task.floor("grey_lookup", targets["greys"]), means, atol=0.02)


def test_flicker_is_of_the_next_picture_of_the_batch(images, told):
    task, _, targets = told
    outputs = jnp.zeros((3, 12, 16, 3)).at[1, :6, :, 2].set(jnp.arctanh(10 / 128))
    record = task.record(outputs, targets)
    assert record["pixels"][0] == 12 * 16
    assert record["pixels"][2] == 0
    np.testing.assert_allclose(record["change"][0], 10 * 6 * 16, rtol=1e-5)
    assert record["original/change"][0] == 0
    assert record["grey_lookup/change"].sum() == 0


def test_lightness_is_kept_where_the_head_does_not_answer_it(images):
    task = learned(images, build_degradation({}), of_channels(2))
    _, targets = task.encode(KEY, *task.unpack({"image": jnp.asarray(images)}))
    outputs = jax.random.normal(jax.random.key(1), (3, 12, 16, 2))
    light = rgb2lab(np.repeat(np.asarray(targets["greys"]), 3, -1))[..., 0]
    np.testing.assert_allclose(task.answered(outputs, targets["greys"])[..., 0], light, atol=0.01)
    np.testing.assert_allclose(
        task.floor("grey_lookup", targets["greys"])[..., 0], light, atol=0.01
    )
    pictures = np.asarray(lab_to_display_rgb(task.answered(outputs, targets["greys"])))
    np.testing.assert_allclose(rgb2lab(pictures)[..., 0], light, atol=1.0)  # in 8 bits
