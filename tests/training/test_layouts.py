"""Layouts: what they are of an image, how they are drawn and kept."""

import jax.numpy as jnp
import numpy as np

from gv_jax.models.diffusion.flow_inputs import REGION
from gv_jax.training.layouts import Layouts, average_regions, stack_layouts

COUNTS = (4, 1, 9, 0)
GRID = (2, 3)  # of regions


def make_layouts():
    """Layouts of one color of their own, of four classes of which one has none."""
    shape = (*GRID, 3)
    colors = np.arange(1, sum(COUNTS) + 1, dtype=np.uint8) * 10
    layouts = np.broadcast_to(colors.reshape(-1, 1, 1, 1), (len(colors), *shape))
    return stack_layouts(np.split(layouts, np.cumsum(COUNTS)[:-1]))


def test_regions_keep_their_mean_and_lose_detail():
    size = (2 * REGION, 3 * REGION)
    images = np.random.default_rng(1).random((5, *size, 4), np.float32)
    regions = images.reshape(5, 2, REGION, 3, REGION, 4)
    mirrored = regions[:, :, ::-1, :, ::-1].reshape(images.shape)  # each on its own
    layouts = average_regions(jnp.asarray(images))
    assert layouts.shape == (5, 2, 3, 4)
    region = images[2, REGION:, REGION : 2 * REGION]
    np.testing.assert_allclose(layouts[2, 1, 1], region.mean((0, 1)), atol=1e-6)
    np.testing.assert_allclose(average_regions(jnp.asarray(mirrored)), layouts, atol=1e-6)


def test_layouts_are_drawn_evenly_and_by_label_and_index_alone():
    layouts = make_layouts()
    labels, indices = np.repeat([0, 1, 2], 36), np.tile(np.arange(36), 3)
    np.testing.assert_array_equal(layouts.draw(7, np.array([3]), np.array([5])), -1)
    drawn = np.asarray(layouts.draw(7, labels, indices))
    assert drawn.shape == (108, *GRID, 3)
    values = np.round(127.5 * (drawn[:, 0, 0, 0] + 1)).astype(int) // 10 - 1  # number of a layout
    first = np.repeat((np.cumsum(COUNTS) - COUNTS)[:3], 36)
    for label, count in enumerate(COUNTS[:3]):
        own = (values - first)[labels == label]
        np.testing.assert_allclose(np.bincount(own, minlength=count), 36 / count, atol=2)
        assert len(np.bincount(own)) == count
        assert len(set(own[:count].tolist())) >= count - 2
    order = np.random.default_rng(0).permutation(108)[:50]
    np.testing.assert_array_equal(layouts.draw(7, labels[order], indices[order]), drawn[order])
    assert (np.asarray(layouts.draw(8, labels, indices)) != drawn).any()


def test_results_keep_layouts():
    layouts = make_layouts()
    rows, size = layouts.to_results("bacd"), (GRID[0] * REGION, GRID[1] * REGION)
    assert [len(rows[name]) for name in "bacd"] == list(COUNTS)
    restored = Layouts.from_results(rows, "bacd", size, channels=3)
    np.testing.assert_array_equal(restored.colors, layouts.colors)
    np.testing.assert_array_equal(restored.counts, layouts.counts)
