"""Color heads restoredst NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.image import color_bins
from gv_jax.image.color import rgb8_to_lab
from gv_jax.image.palette import ColorHistogram
from gv_jax.tasks.color_heads import COLOR_HEADS, head_from_json
from gv_jax.tasks.color_heads.bins import BinsHead
from gv_jax.tasks.color_heads.color_head import HeadSpec
from gv_jax.tasks.color_heads.palette import PaletteHead
from gv_jax.tasks.color_heads.regression import RegressionHead

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
PALETTE = np.array([BLUE, RED, WHITE], np.uint8)
LAB = np.array([[32.3, 79.2, -107.9], [53.2, 80.1, 67.2], [100.0, 0.0, 0.0]])  # published values


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_the_target_is_the_nearest_palette_color():
    head = PaletteHead(PALETTE, 1.0, 0.0, 2)
    lab = jnp.asarray(
        LAB[[1, 0, 2, 1]] + [[0, 3, -3], [2, 0, 1], [-20, 5, 5], [0, 0, 0]], jnp.float32
    )
    outputs = jax.random.normal(jax.random.key(0), (1, 2, 2, 3))
    probabilities = softmax(np.asarray(outputs, np.float64).reshape(4, 3))
    expected = -np.log(probabilities[np.arange(4), [1, 0, 2, 1]]).mean()
    np.testing.assert_allclose(head.loss(outputs, lab.reshape(1, 2, 2, 3)), [expected], rtol=1e-5)


@pytest.mark.parametrize("channels", [2, 3])
def test_a_palette_predicts_its_most_likely_color_or_the_mean(channels):
    outputs = jnp.array([[[[1.0, 2.5, -1.0]]]])
    most_likely = PaletteHead(PALETTE, 1.0, 0.0, channels).decode(outputs)
    np.testing.assert_allclose(most_likely[0, 0, 0], LAB[1, -channels:], atol=0.1)
    mean = PaletteHead(PALETTE, 1.0, 0.5, channels).decode(outputs)
    expected = softmax(np.array([2.0, 5.0, -2.0])) @ LAB[:, -channels:]
    np.testing.assert_allclose(mean[0, 0, 0], expected, atol=0.1)


def test_the_prior_prefers_colors_of_the_input_lightness():
    outputs = jnp.array([[[[1.0, 2.5, -1.0]]]])
    with_prior = PaletteHead(PALETTE, 20.0, 0.0, 2).add_prior(outputs, jnp.array([[[[43.0]]]]))
    expected = np.array([1.0, 2.5, -1.0]) - np.square((43.0 - LAB[:, 0]) / 20.0) / 2
    np.testing.assert_allclose(with_prior[0, 0, 0], expected, atol=1e-2)


def test_the_prior_std_combines_errors_of_input_and_palette():
    histogram = ColorHistogram(np.array([RED, BLUE, WHITE], np.uint8), np.array([1, 1, 2]))
    exact = PaletteHead.fit(HeadSpec(histogram, 3.0, 2, 3, 0.0, 0.5))
    assert exact.prior_std == pytest.approx(3.0)
    fewer = PaletteHead.fit(HeadSpec(histogram, 3.0, 2, 2, 0.0, 0.5))
    nearest = [np.square(fewer.lab - lab).sum(1).argmin() for lab in LAB]
    squares = np.square(LAB[:, 0] - fewer.lab[nearest, 0])
    assert fewer.prior_std == pytest.approx(
        np.sqrt(9 + np.average(squares, weights=[1, 1, 2])), rel=0.01
    )


def test_bins_weight_the_soft_cross_entropy_by_the_nearest_bin():
    lab = jnp.array([[[[50.0, 12.0, 33.0], [50.0, -41.0, 20.0]]]])
    histogram = ColorHistogram(
        np.array([RED, BLUE, (120, 100, 60), (90, 140, 80)], np.uint8), np.array([10, 1, 5, 80])
    )
    head = BinsHead.fit(HeadSpec(histogram, 0.0, 2, 0, 0.38, 0.5))
    outputs = jax.random.normal(jax.random.key(0), (1, 1, 2, head.num_outputs))
    logs = np.log(softmax(np.asarray(outputs, np.float64)))[0, 0]
    expected = []
    for pixel, log in zip(np.asarray(lab)[0, 0], logs, strict=True):
        distance = np.square(color_bins.bin_centers() - pixel[1:]).sum(1)
        nearest = np.argsort(distance)[:5]
        fractions = softmax(-distance[nearest] / (2 * 5.0**2))
        entropy = sum(
            -log[head.bins == bin].sum() * share
            for bin, share in zip(nearest, fractions, strict=True)
        )
        weight = head.weights[head.bins == nearest[0]]
        expected.append(entropy * (weight[0] if len(weight) else 1.0))
    np.testing.assert_allclose(jax.jit(head.loss)(outputs, lab), [np.mean(expected)], rtol=1e-4)


def test_rare_bins_weigh_more_and_the_prediction_is_the_annealed_mean():
    histogram = ColorHistogram(np.array([RED, BLUE], np.uint8), np.array([1, 99]))
    head = BinsHead.fit(HeadSpec(histogram, 0.0, 2, 0, 0.38, 0.5))
    nearest = [
        int(np.square(color_bins.bin_centers() - lab[1:]).sum(1).argmin())
        for lab in rgb8_to_lab(histogram.colors)
    ]
    red, blue = (head.weights[head.bins == bin][0] for bin in nearest)
    assert red > 10 * blue
    outputs = jax.random.normal(jax.random.key(0), (1, 1, 1, head.num_outputs))
    expected = (
        softmax(np.asarray(outputs, np.float64)[0, 0, 0] / 0.38)
        @ color_bins.bin_centers()[head.bins]
    )
    np.testing.assert_allclose(head.decode(outputs)[0, 0, 0], expected, atol=1e-3)


def test_regression_stays_within_the_range_of_colors():
    outputs = jnp.array([[[[0.5, -9.0, 0.25]]]])
    expected = [50 + 50 * np.tanh(0.5), -128.0, 128 * np.tanh(0.25)]
    np.testing.assert_allclose(RegressionHead(3).decode(outputs)[0, 0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(
        RegressionHead(2).decode(outputs[..., 1:])[0, 0, 0], expected[1:], rtol=1e-5
    )
    lab = jnp.array([[[[70.0, -120.0, 30.0]]]])
    square = np.square((np.array(expected) - [70, -120, 30]) / 128).mean()
    np.testing.assert_allclose(RegressionHead(3).loss(outputs, lab), [square], rtol=1e-4)


@pytest.mark.parametrize("name", COLOR_HEADS)
def test_a_head_is_restored_from_json(name):
    head = COLOR_HEADS[name].fit(
        HeadSpec(ColorHistogram(PALETTE[[0, 1]], np.array([3, 4])), 4.0, 2, 8, 0.38, 0.5)
    )
    restored = head_from_json(name, head.to_json(), head.channels, 0.38)
    outputs = jax.random.normal(jax.random.key(0), (1, 2, 2, head.num_outputs))
    light = jnp.full((1, 2, 2, 1), 40.0)
    assert restored.num_outputs == head.num_outputs
    np.testing.assert_array_equal(
        restored.add_prior(outputs, light), head.add_prior(outputs, light)
    )
    np.testing.assert_array_equal(restored.decode(outputs), head.decode(outputs))
