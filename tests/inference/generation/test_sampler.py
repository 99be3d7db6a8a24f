"""Samplers against flows whose solution is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.inference.generation.sampler import (
    PARALLEL,
    Conditions,
    draw_noise,
    guide,
    make_sampler,
    step_euler,
    step_heun,
)
from gv_jax.models.diffusion.flow_inputs import FlowInputs

MEAN, STD = 0.3, 0.5


def predict_gaussian(params, batch_stats, inputs):
    """The exact velocity to a normal distribution of MEAN and STD; 0 without a class.

    For x = (1 - t) noise + t image, E[image - noise | x] is linear in x.
    """
    t = inputs.times[:, None, None, None]
    variance = (1 - t) ** 2 + (t * STD) ** 2
    slope = (t * STD**2 - (1 - t)) / variance
    velocity = MEAN + slope * (inputs.images - t * MEAN)
    return jnp.where((inputs.labels == 0)[:, None, None, None], velocity, jnp.zeros_like(velocity))


def make_conditions(count, guidance=1.0):
    return Conditions(
        jnp.zeros(count, jnp.int32),
        jnp.ones((count, 4, 4, 1)),
        jnp.ones(count),
        jnp.zeros(count),
        jnp.float32(guidance),
    )


def sample(sampler, steps, count=4000):
    noise = draw_noise(0, np.zeros(count, int), np.arange(count), (1, 1, 1))
    run = make_sampler(predict_gaussian, sampler, missing=1)
    times = np.linspace(0, 1, steps + 1, dtype=np.float32)
    return np.asarray(noise), np.asarray(run(((), ()), noise, times, make_conditions(count)))


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_samples_have_the_distribution_of_the_flow(sampler):
    noise, images = sample(sampler, 64)
    # the map of this flow is known: each noise value becomes MEAN + STD * noise
    np.testing.assert_allclose(images, MEAN + STD * noise, atol=0.05)
    assert images.mean() == pytest.approx(MEAN, abs=0.03)
    assert images.std() == pytest.approx(STD, abs=0.03)


def test_heun_is_of_second_order():
    exact = np.exp(-1.0)

    def errors(step):
        for count in (8, 16):
            x = jnp.ones((1, 1, 1, 1))
            for t in np.linspace(0, 1, count + 1, dtype=np.float32)[:-1]:
                x = step(
                    lambda images, time: -images, x, jnp.float32(t), jnp.float32(t + 1 / count)
                )
            yield abs(float(x.ravel()[0]) - exact)

    first, second = errors(step_euler)
    assert first / second == pytest.approx(2, rel=0.15)
    first, second = errors(step_heun)
    assert first / second == pytest.approx(4, rel=0.15)


def test_guidance_goes_away_from_the_velocity_without_a_class():
    images, time = jax.random.normal(jax.random.key(0), (2, 2, 2, 4)), jnp.float32(0.5)
    one, three = (
        guide(predict_gaussian, ((), ()), make_conditions(2, guidance), missing=1)(images, time)
        for guidance in (1.0, 3.0)
    )
    zeros = jnp.zeros(2)
    inputs = FlowInputs(
        images, jnp.full(2, time), jnp.zeros(2, int), jnp.zeros((2, 4, 4, 4)), zeros, zeros
    )
    velocity = predict_gaussian((), (), inputs)  # that without a class is 0
    np.testing.assert_array_equal(one, velocity)
    shown = np.asarray(images + time * velocity + 1).reshape(2, -1)
    change, difference = (np.asarray(x).reshape(2, -1) for x in (three - one, velocity))
    along = [(vectors * shown).sum(1) for vectors in (change, 2 * difference)]
    np.testing.assert_allclose(along[0], PARALLEL * along[1], atol=1e-4)
    # only multiples of what is shown are missing from the difference
    left_out = 2 * difference - change
    cosine = (left_out * shown).sum(1) / np.linalg.norm(left_out, axis=1)
    np.testing.assert_allclose(np.abs(cosine), np.linalg.norm(shown, axis=1), rtol=1e-4)
    assert (np.linalg.norm(change, axis=1) > 0.1).all()


def test_the_velocity_without_a_class_is_without_a_layout_too():
    def predict(params, batch_stats, inputs):
        has_class = inputs.labels == 0
        np.testing.assert_array_equal(inputs.layouts[:, 0, 0, 0], has_class)
        np.testing.assert_array_equal(inputs.layout_times, has_class)
        return jnp.zeros_like(inputs.images)

    guide(predict, ((), ()), make_conditions(3), missing=1)(jnp.ones((3, 2, 2, 1)), jnp.float32(0))


def test_noise_is_a_function_of_seed_label_and_index():
    labels, indices = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    noise = np.asarray(draw_noise(3, labels, indices, (8, 8, 2)))
    alone = draw_noise(3, labels[2:3], indices[2:3], (8, 8, 2))
    np.testing.assert_array_equal(noise[2], alone[0])
    other = np.asarray(draw_noise(4, labels, indices, (8, 8, 2)))
    both = np.concatenate([noise, other]).reshape(8, -1)
    assert np.abs(np.corrcoef(both) - np.eye(8)).max() < 0.4
    assert jax.numpy.asarray(both).std() == pytest.approx(1, abs=0.1)
