"""Flow matching against SciPy, NumPy and cases worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gv_jax.models.diffusion.flow_inputs import FlowInputs
from gv_jax.training.flow import draw_times, drop_labels, interpolate, join_inputs, roll_each


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.8, 0.5)])
def test_logits_of_times_are_normal(mean, std):
    times = np.asarray(draw_times(jax.random.key(0), 4000, mean, std))
    assert ((times > 0) & (times < 1)).all()
    logits = np.log(times / (1 - times))
    assert stats.kstest(logits, stats.norm(mean, std).cdf).pvalue > 0.01


def test_there_is_one_time_in_each_interval_in_random_order():
    times = np.asarray(draw_times(jax.random.key(0), 64, 0.0, 1.0), np.float64)
    ranks = stats.norm.cdf(np.log(times / (1 - times))) * 64
    assert sorted(np.floor(ranks).astype(int)) == list(range(64))
    assert abs(stats.spearmanr(times, np.arange(64)).statistic) < 0.5


def test_points_run_from_noise_to_images_at_the_velocity():
    images, noise = (jax.random.normal(jax.random.key(i), (3, 2, 2, 1)) for i in range(2))
    points, velocity = interpolate(images, noise, jnp.array([0.0, 0.25, 1.0]))
    np.testing.assert_allclose(points[0], noise[0])
    np.testing.assert_allclose(points[2], images[2])
    np.testing.assert_allclose(points[1] + 0.75 * velocity[1], images[1], rtol=1e-5, atol=1e-6)


def test_each_image_is_rolled_by_its_own_shift():
    images = jax.random.normal(jax.random.key(0), (3, 4, 5, 2))
    rolled = roll_each(images, jnp.array([0, 1, 3]), jnp.array([0, 4, 2]))
    for image, result, shift in zip(images, rolled, [(0, 0), (1, 4), (3, 2)], strict=True):
        np.testing.assert_array_equal(result, np.roll(image, shift, (0, 1)))


def test_labels_are_dropped_at_the_rate():
    labels = jnp.arange(4000, dtype=jnp.int32) % 5
    dropped = np.asarray(drop_labels(jax.random.key(0), labels, 0.1, 5))
    is_dropped = dropped != labels
    assert set(dropped[is_dropped]) == {5}
    assert stats.binomtest(int(is_dropped.sum()), 4000, 0.1).pvalue > 0.01


def test_joined_inputs_keep_their_order():
    first, second = (
        FlowInputs(jnp.full((1, 2, 2, 1), i), *(jnp.full(1, i) for _ in range(5))) for i in (0, 1)
    )
    joined = join_inputs(first, second)
    assert joined.images.shape == (2, 2, 2, 1)
    np.testing.assert_array_equal(joined.labels, [0, 1])
