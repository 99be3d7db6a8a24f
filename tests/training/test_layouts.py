"""Layouts: what images they stand for, how they are found and drawn."""

import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.models.diffusion.flow_inputs import LAYOUT_SIDE
from gv_jax.training.layouts import MIN_IMAGES, Layouts, average_regions, fit_layouts


def make_halves(count, *, is_left):
    """Opaque noisy images of which one half is bright."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (count, 8, 12, 4), dtype=np.uint8)
    images[:, :, slice(0, 6) if is_left else slice(6, 12), :3] += 200
    images[..., 3] = 255
    return images


@pytest.fixture(scope="module")
def data():
    """Class 0: 30 images of one kind and 10 of another; class 1: too few for two layouts."""
    left, right = make_halves(30, is_left=True), make_halves(10, is_left=False)
    few = np.concatenate([make_halves(4, is_left=True), make_halves(4, is_left=False)])
    return np.concatenate([left, right, few]), np.repeat([0, 1], [40, 8])


def test_layouts_are_the_kinds_of_images_of_a_class(data):
    images, labels = data
    layouts = fit_layouts(images, labels, (False, False, False), 2, seed=0)
    assert sorted(layouts.fractions[0]) == [0.25, 0.75]
    assert len(labels[labels == 1]) < 2 * MIN_IMAGES
    np.testing.assert_array_equal(layouts.fractions[1:], [[1, 0], [1, 0]])
    inputs = jnp.asarray(images / 255, jnp.float32), jnp.asarray(labels)
    found = np.asarray(layouts.find(*inputs))
    assert len(set(found[:30])) == len(set(found[30:40])) == 1
    assert found[0] != found[30]
    np.testing.assert_array_equal(found[40:], 0)
    selected = np.asarray(layouts.select(inputs[1], jnp.asarray(found)))
    expected = 2 * average_regions(inputs[0][:30]).mean(0) - 1
    np.testing.assert_allclose(selected[0], expected, atol=1 / 127)
    np.testing.assert_allclose(selected[0, ..., 3], 1, atol=1e-6)


def test_equal_images_have_one_layout(monkeypatch):
    monkeypatch.setattr("gv_jax.training.layouts.BLOCK", 7)
    images = np.repeat(np.uint8([[[[9, 99, 199]]], [[[50, 0, 0]]]]), (10, 20), axis=0)
    images = np.broadcast_to(images, (30, 8, 8, 3))
    layouts = fit_layouts(images, np.zeros(30, int), (False,), 4, seed=0)
    assert sorted(layouts.fractions[0]) == pytest.approx([0, 0, 1 / 3, 2 / 3])


def test_layouts_of_tileable_classes_are_of_one_color(data):
    images, labels = data
    layouts = fit_layouts(images, labels, (True, False), 2, seed=0)
    np.testing.assert_array_equal(layouts.colors[0].std((1, 2)), 0)
    assert layouts.colors[1, 0, ..., 0].std() > 0


def test_hidden_colors_and_detail_do_not_count():
    rng = np.random.default_rng(1)
    images = rng.random((5, 8, 8, 4), np.float32)
    images[..., 3] = images[..., 3] > 0.5
    hidden = np.where(images[..., 3:] == 0, np.float32(0.9), images)
    hidden[..., 3] = images[..., 3]
    side = LAYOUT_SIDE
    regions = images.reshape(5, side, 8 // side, side, 8 // side, 4)
    mirrored = regions[:, :, ::-1, :, ::-1].reshape(images.shape)  # each on its own
    expected = average_regions(jnp.asarray(images))
    assert expected.shape == (5, side, side, 4)
    np.testing.assert_allclose(average_regions(jnp.asarray(hidden)), expected, atol=1e-6)
    np.testing.assert_allclose(average_regions(jnp.asarray(mirrored)), expected, atol=1e-6)


def test_layouts_are_drawn_in_proportion_and_by_label_and_index_alone():
    fractions = np.array([[0.5, 0, 0.3, 0.2], [0, 0, 1, 0], [0.1] * 3 + [0.7]])
    layouts = Layouts(np.zeros((3, 4, LAYOUT_SIDE, LAYOUT_SIDE, 3), np.uint8), fractions)
    labels, indices = np.repeat([0, 1, 2], 40), np.tile(np.arange(40), 3)
    drawn = layouts.draw(7, labels, indices)
    for label in range(3):
        counts = np.bincount(drawn[labels == label], minlength=4)
        np.testing.assert_allclose(counts, 40 * fractions[label], atol=2)
        assert not counts[fractions[label] == 0].any()
    order = np.random.default_rng(0).permutation(120)[:50]
    np.testing.assert_array_equal(layouts.draw(7, labels[order], indices[order]), drawn[order])
    assert (layouts.draw(8, labels, indices) != drawn).any()


def test_results_keep_layouts(data):
    layouts = fit_layouts(*data, (False, True), 3, seed=0)
    restored = Layouts.from_results(layouts.to_results(("b", "a")), ("b", "a"))
    np.testing.assert_array_equal(restored.colors, layouts.colors)
    np.testing.assert_array_equal(restored.fractions, layouts.fractions)
