"""The training step against hand-worked and independent results."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.data.augment.tta import tta_transforms
from gv_jax.tasks.classification import Classification
from gv_jax.training.step import (
    SplitModule,
    init_train_state,
    make_eval_step,
    make_train_step,
    reseed_rngs,
)

TASK = Classification(3)


class SmallNet(nnx.Module):
    """A linear layer, batch normalization and two dropouts."""

    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.linear = nnx.Linear(12, 8, rngs=rngs)
        self.norm = nnx.BatchNorm(8, momentum=0.9, rngs=rngs)
        self.dropout1 = nnx.Dropout(rate, rngs=rngs)
        self.dropout2 = nnx.Dropout(rate, rngs=rngs)
        self.head = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        x = self.norm(self.linear(x.reshape(x.shape[0], -1)))
        return self.head(self.dropout2(self.dropout1(x)))


def identity(key, images, targets):
    return images, targets


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    return {
        "image": jnp.asarray(rng.integers(0, 256, (8, 2, 2, 3), dtype=np.uint8)),
        "label": jnp.asarray(rng.integers(0, 3, 8, dtype=np.int32)),
    }


def split_small_net(rate=0.0):
    return SplitModule.from_module(SmallNet(rate, rngs=nnx.Rngs(0)))


def make_training(rate=0.0, ema_decay=0.0, augment=identity, **options):
    """(network, state, compiled training step) with SGD."""
    network, optimizer = split_small_net(rate), optax.sgd(0.1)
    train_step = make_train_step(
        network, TASK, optimizer, augment, seed=3, ema_decay=ema_decay, **options
    )
    state = init_train_state(network, optimizer, ema=ema_decay > 0)
    return network, state, jax.jit(train_step)


def test_a_step_is_gradient_descent_on_the_mean_cross_entropy(batch):
    network, state, train_step = make_training()
    x = (np.asarray(batch["image"], np.float64) / 255 - 0.5) / 0.25
    x = jnp.asarray(x.reshape(8, -1), jnp.float32)

    def loss_fn(params):
        hidden = x @ params["linear"]["kernel"] + params["linear"]["bias"]
        normal = (hidden - hidden.mean(0)) / jnp.sqrt(hidden.var(0) + 1e-5)
        hidden = normal * params["norm"]["scale"] + params["norm"]["bias"]
        logits = hidden @ params["head"]["kernel"] + params["head"]["bias"]
        return -jax.nn.log_softmax(logits)[jnp.arange(8), batch["label"]].mean()

    with jax.numpy_rank_promotion("allow"):
        loss, gradients = jax.value_and_grad(loss_fn)(network.params)
    after, sums = train_step(state, batch)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, network.params, gradients)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), after.params, expected)
    np.testing.assert_allclose(sums["loss"] / sums["count"], loss, rtol=1e-5)
    assert int(after.step) == 1


def test_running_statistics_change_by_a_tenth_in_training_and_not_in_evaluation(batch):
    network, state, train_step = make_training()
    after, _ = train_step(state, batch)
    inputs = (np.asarray(batch["image"], np.float32) / 255 - 0.5) / 0.25
    hidden = inputs.reshape(8, -1) @ np.asarray(network.params["linear"]["kernel"])
    np.testing.assert_allclose(after.batch_stats["norm"]["mean"], 0.1 * hidden.mean(0), atol=1e-5)
    eval_step = make_eval_step(network, TASK)
    logits, _ = eval_step(after.params, after.batch_stats, batch)
    first_image = jax.tree.map(lambda rows: rows[:1], batch)
    first_logits, _ = eval_step(after.params, after.batch_stats, first_image)
    np.testing.assert_allclose(logits[:1], first_logits, atol=1e-5)


def test_two_dropouts_of_one_network_have_different_keys():
    rng_state = reseed_rngs(split_small_net(0.5).rng_state, jax.random.key(1))
    keys = [
        jax.random.key_data(leaf).tolist()
        for leaf in jax.tree.leaves(rng_state)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    ]
    assert len(keys) == 2
    assert keys[0] != keys[1]


def test_randomness_depends_on_the_step_only(batch):
    _, state, train_step = make_training(rate=0.5)
    losses = [
        float(train_step(state._replace(step=jnp.int32(step)), batch)[1]["loss"])
        for step in (0, 0, 7)
    ]
    assert losses[0] == losses[1]
    assert losses[2] != losses[0]


def test_weights_of_the_ema_are_evaluated(batch):
    _, state, train_step = make_training(ema_decay=0.5)
    after, _ = train_step(state, batch)
    params, _ = after.eval_weights
    rate = min(0.5, 1 / 10)
    expected = jax.tree.map(
        lambda old, new: rate * old + (1 - rate) * new, state.params, after.params
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), params, expected)


def test_bfloat16_computes_the_network_only(batch):
    _, state, train_step = make_training()
    _, _, low_step = make_training(dtype=jnp.bfloat16)
    after, low_sums = low_step(state, batch)
    _, sums = train_step(state, batch)
    leaves = jax.tree.leaves((after.params, after.batch_stats))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}
    assert float(low_sums["loss"]) != float(sums["loss"])
    np.testing.assert_allclose(low_sums["loss"], sums["loss"], rtol=0.02)


def test_augmented_images_are_the_inputs(batch):
    def black(key, images, targets):
        return images * 0.0, targets

    _, state, train_step = make_training()
    _, _, black_step = make_training(augment=black)
    black_batch = {**batch, "image": jnp.zeros_like(batch["image"])}
    loss = black_step(state, batch)[1]["loss"]
    np.testing.assert_allclose(loss, train_step(state, black_batch)[1]["loss"], rtol=1e-6)
    assert float(loss) != float(train_step(state, batch)[1]["loss"])


def test_logits_of_tta_are_averaged(batch):
    network = split_small_net()
    weights = network.params, network.batch_stats
    eval_step = make_eval_step(network, TASK)
    logits, _ = eval_step(*weights, batch)
    flipped_logits, _ = eval_step(*weights, {**batch, "image": batch["image"][:, :, ::-1]})
    tta_step = make_eval_step(network, TASK, transforms=tta_transforms(flip=True, shift=0))
    tta_logits, metrics = tta_step(*weights, batch)
    expected = (logits + flipped_logits) / 2
    np.testing.assert_allclose(tta_logits, expected, atol=1e-5)
    losses = -jax.nn.log_softmax(expected)[np.arange(8), batch["label"]]
    np.testing.assert_allclose(metrics["loss"], losses, rtol=1e-4)
