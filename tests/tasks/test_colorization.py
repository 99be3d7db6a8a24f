"""Colorization against NumPy and scikit-image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.color import rgb2lab

from gv_jax.data.augment.degrade import build_degradation
from gv_jax.image.color import lab_to_display_rgb
from gv_jax.tasks.color_heads.regression import RegressionHead
from gv_jax.tasks.colorization import Colorization
from tests.tasks.configs import make_config, make_dataset

KEY = jax.random.key(0)
METRICS = {
    "mse",
    "mae",
    "psnr",
    "ssim",
    "ciede2000",
    "within_5",
    "colorfulness",
    "colorfulness_error",
    "change",
}


def make_task(images: np.ndarray, degradations: dict, channels: int) -> Colorization:
    degrade = build_degradation(degradations)
    return Colorization.from_images(images, degrade, lambda *stats: RegressionHead(channels))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """uint8 [3 12 16 3]: the second repeats the first."""
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 16, 3), dtype=np.uint8)
    images[1] = images[0]
    return images


@pytest.fixture(scope="module")
def batch(images):
    """(task, inputs, targets) for inputs of four gray levels, with L predicted."""
    task = make_task(images, {"gray_levels": 4}, channels=3)
    raw = {"image": jnp.asarray(images), "label": jnp.zeros(3, jnp.int32)}
    return task, *task.make_inputs(KEY, *task.prepare_batch(raw))


def test_the_input_is_the_degraded_lightness(images, batch):
    _, inputs, targets = batch
    assert set(np.unique(np.asarray(targets["grays"]) * 3)) == {0, 1, 2, 3}
    lightness = rgb2lab(np.repeat(np.asarray(targets["grays"]), 3, -1))[..., :1]
    np.testing.assert_allclose(inputs, lightness / 50 - 1, atol=1e-4)
    exact = rgb2lab(images)[..., :1]
    assert np.abs(exact - lightness).mean() < 12  # a gray level spans a third of the range
    np.testing.assert_allclose(targets["originals"], images / 255, atol=1e-6)


def test_metrics_are_of_the_predicted_colors(images, batch):
    task, _, targets = batch
    outputs = jax.random.normal(jax.random.key(1), (3, 12, 16, 3))
    predicted = np.tanh(np.asarray(outputs, np.float64)) * [50, 128, 128] + [50, 0, 0]
    errors = (predicted - rgb2lab(images)) / 128
    metrics = task.metrics(outputs, targets)
    np.testing.assert_allclose(metrics["loss"], np.square(errors).mean((1, 2, 3)), rtol=1e-3)
    np.testing.assert_allclose(
        metrics["mse"], np.square(errors[..., 1:]).mean((1, 2, 3)), rtol=1e-3
    )


def test_evaluation_has_all_metrics_of_the_prediction_and_of_every_baseline(images, batch):
    task, _, targets = batch
    lab = rgb2lab(images)
    outputs = jnp.arctanh(
        jnp.asarray((lab - [50, 0, 0]) / [50.01, 128, 128], jnp.float32)
    )  # the originals
    values = jax.jit(task.eval_outputs)(outputs, targets)
    baselines = ("gray", "mean_color", "gray_lookup")
    of_baselines = [f"{baseline}/{name}" for baseline in baselines for name in METRICS]
    assert set(values) == {"loss", "pixels", "original/change", *METRICS, *of_baselines}
    np.testing.assert_allclose(values["within_5"], 1)
    np.testing.assert_allclose(
        values["gray/mse"], np.square(lab[..., 1:] / 128).mean((1, 2, 3)), rtol=1e-3
    )
    grays = np.asarray(targets["grays"])[..., 0]
    means = np.zeros_like(lab)
    for gray in np.unique(grays):
        means[grays == gray] = lab[grays == gray].mean(0)
    expected = np.square((means - lab)[..., 1:] / 128).mean((1, 2, 3))
    np.testing.assert_allclose(values["gray_lookup/mse"], expected, rtol=1e-3)
    np.testing.assert_allclose(task.baseline_lab("gray_lookup", targets["grays"]), means, atol=0.02)


def test_flicker_is_between_neighbors_in_the_batch(images, batch):
    task, _, targets = batch
    outputs = jnp.zeros((3, 12, 16, 3)).at[1, :6, :, 2].set(jnp.arctanh(10 / 128))
    values = jax.jit(task.eval_outputs)(outputs, targets)
    assert values["pixels"][0] == 12 * 16
    assert values["pixels"][2] == 0
    np.testing.assert_allclose(values["change"][0], 10 * 6 * 16, rtol=1e-5)
    assert values["original/change"][0] == 0
    assert values["gray_lookup/change"].sum() == 0


def test_lightness_is_that_of_the_input_unless_predicted(images):
    task = make_task(images, {}, channels=2)
    _, targets = task.make_inputs(KEY, *task.prepare_batch({"image": jnp.asarray(images)}))
    outputs = jax.random.normal(jax.random.key(1), (3, 12, 16, 2))
    lightness = rgb2lab(np.repeat(np.asarray(targets["grays"]), 3, -1))[..., 0]
    np.testing.assert_allclose(
        task.predict_lab(outputs, targets["grays"])[..., 0], lightness, atol=0.01
    )
    np.testing.assert_allclose(
        task.baseline_lab("gray_lookup", targets["grays"])[..., 0], lightness, atol=0.01
    )
    rgb = np.asarray(lab_to_display_rgb(task.predict_lab(outputs, targets["grays"])))
    np.testing.assert_allclose(rgb2lab(rgb)[..., 0], lightness, atol=1.0)  # in 8 bits


def test_task_of_a_config(images):
    fields = {
        "color_head.name": "palette",
        "color_head.palette_size": 5,
        "color_head.temperature": 0.5,
        "color_head.predict_lightness": True,
        "degrade.gray_levels": 4,
    }
    task = Colorization.from_config(
        make_config("colorization", "unet", **fields), make_dataset(images)
    )
    assert (task.outputs, task.head.channels) == (5, 3)
    assert {table.shape for table in task.baselines.values()} == {(256, 3)}
    grays = task.degrade(KEY, jnp.linspace(0, 1, 50).reshape(1, 5, 10, 1))
    assert len(np.unique(grays)) == 4


def test_evaluation_and_figures(images, batch, tmp_path):
    task, _, targets = batch
    outputs = jnp.zeros((3, 12, 16, 3))
    values = jax.tree.map(np.asarray, jax.jit(task.eval_outputs)(outputs, targets))
    evaluation = task.evaluate({"train": values}, make_dataset(images))
    assert evaluation.results["channels"] == 3
    assert evaluation.results["train"]["mse"] == pytest.approx(values["mse"].mean())
    augmented = images.astype(np.float32) / 255, np.zeros((3, 0))
    figures = task.draw(evaluation, tmp_path, augmented, lambda inputs: np.zeros((1, 12, 16, 3)))
    names = {figure.file.name for figure in figures}
    assert names == {"examples.png", "games.png", "palettes.png", "augmented.png"}
    assert all(figure.file.stat().st_size > 1000 for figure in figures)
