"""The training step against hand-worked and independent results."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.data.augment.tta import tta_transforms
from gv_jax.models import build
from gv_jax.tasks.classification import Classification
from gv_jax.training import step


class Small(nnx.Module):
    """A linear layer, BatchNorm and two dropouts: all that a step has to take care of."""

    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.linear = nnx.Linear(12, 8, rngs=rngs)
        self.norm = nnx.BatchNorm(8, momentum=0.9, rngs=rngs)
        self.first = nnx.Dropout(rate, rngs=rngs)
        self.second = nnx.Dropout(rate, rngs=rngs)
        self.head = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        return self.head(self.second(self.first(self.norm(self.linear(x.reshape(x.shape[0], -1))))))


def unchanged(key, images, targets):
    return images, targets


@pytest.fixture
def batch():
    draws = np.random.default_rng(1)
    return {
        "image": jnp.asarray(draws.integers(0, 256, (8, 2, 2, 3), dtype=np.uint8)),
        "label": jnp.asarray(draws.integers(0, 3, 8, dtype=np.int32)),
    }


def make(rate=0.0, ema_decay=0.0, augment=unchanged, transform=None, seed=3):
    network = step.SplitModule.of(Small(rate, rngs=nnx.Rngs(0)))
    task = Classification(classes=3)
    transform = transform or optax.sgd(0.1)
    update = step.make_train_step(network, task, transform, augment, seed=seed, ema_decay=ema_decay)
    return network, step.init_train_state(network, transform, ema_decay > 0), jax.jit(update)


def test_update_is_gradient_descent_on_the_mean_cross_entropy(batch):
    network, state, update = make()
    x = (np.asarray(batch["image"], np.float64) / 255 - 0.5) / 0.25

    def loss(params):
        hidden = (
            jnp.asarray(x.reshape(8, -1), jnp.float32) @ params["linear"]["kernel"]
            + params["linear"]["bias"]
        )
        normal = (hidden - hidden.mean(0)) / jnp.sqrt(hidden.var(0) + 1e-5)
        hidden = normal * params["norm"]["scale"] + params["norm"]["bias"]
        logits = hidden @ params["head"]["kernel"] + params["head"]["bias"]
        return -jax.nn.log_softmax(logits)[jnp.arange(8), batch["label"]].mean()

    with jax.numpy_rank_promotion("allow"):
        value, gradients = jax.value_and_grad(loss)(network.params)
    after, sums = update(state, batch)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, network.params, gradients)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), after.params, expected)
    np.testing.assert_allclose(sums["loss"] / sums["count"], value, rtol=1e-5)
    assert int(after.step) == 1


def test_statistics_move_by_a_tenth_in_training_and_not_in_evaluation(batch):
    network, state, update = make()
    after, _ = update(state, batch)
    inputs = (np.asarray(batch["image"], np.float32) / 255 - 0.5) / 0.25
    hidden = inputs.reshape(8, -1) @ np.asarray(network.params["linear"]["kernel"])
    np.testing.assert_allclose(after.stats["norm"]["mean"], 0.1 * hidden.mean(0), atol=1e-5)
    examine = step.make_eval_step(network, Classification(classes=3))
    one, _ = examine(after.params, after.stats, batch)
    first_only, _ = examine(after.params, after.stats, jax.tree.map(lambda a: a[:1], batch))
    np.testing.assert_allclose(one[:1], first_only, atol=1e-5)


def test_two_dropouts_of_one_network_draw_differently(batch):
    network = step.SplitModule.of(Small(0.5, rngs=nnx.Rngs(0)))
    keys = jax.tree.leaves(step.reseed_rngs(network.noise, jax.random.key(1)))
    drawn = [
        jax.random.key_data(k).tolist()
        for k in keys
        if jnp.issubdtype(k.dtype, jax.dtypes.prng_key)
    ]
    assert len(drawn) == 2
    assert drawn[0] != drawn[1]


def test_randomness_follows_the_step_number_alone(batch):
    _, state, update = make(rate=0.5)
    again = make(rate=0.5)[1]
    _, first = update(state, batch)
    _, second = update(again, batch)
    assert float(first["loss"]) == float(second["loss"])
    _, third = update(again._replace(step=jnp.int32(7)), batch)
    assert float(third["loss"]) != float(first["loss"])


def test_moving_average_is_what_is_evaluated(batch):
    _, state, update = make(ema_decay=0.5)
    after, _ = update(state, batch)
    params, _ = after.weights
    decay = min(0.5, 1 / 10)
    expected = jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new, state.params, after.params
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), params, expected)


def test_bfloat16_computes_low_and_keeps_weights_in_float32(batch):
    network = step.SplitModule.of(Small(0.0, rngs=nnx.Rngs(0)))
    transform = optax.sgd(0.1)
    low = step.make_train_step(
        network, Classification(3), transform, unchanged, seed=0, dtype=jnp.bfloat16
    )
    full = step.make_train_step(network, Classification(3), transform, unchanged, seed=0)
    state = step.init_train_state(network, transform, average=False)
    after, sums = low(state, batch)
    _, exact = full(state, batch)
    assert {leaf.dtype for leaf in jax.tree.leaves((after.params, after.stats))} == {
        jnp.dtype("float32")
    }
    assert float(sums["loss"]) != float(exact["loss"])
    np.testing.assert_allclose(sums["loss"], exact["loss"], rtol=0.02)


def test_augmentation_changes_what_the_network_sees(batch):
    def black(key, images, targets):
        return images * 0.0, targets

    _, state, update = make(augment=black)
    _, plain = make()[2](make()[1], batch)
    _, dark = update(state, batch)
    assert float(dark["loss"]) != float(plain["loss"])


def test_maps_are_what_the_first_convolutions_answer():
    model = build("two_layer", inputs=3, classes=4, size=(8, 8), rngs=nnx.Rngs(0))
    network, task = step.SplitModule.of(model), Classification(4, (0.5,), (0.25,))
    batch = {"image": jnp.full((2, 8, 8, 3), 51, jnp.uint8), "label": jnp.zeros(2, jnp.int32)}
    found = step.make_feature_maps(network, task)(network.params, network.stats, batch)
    assert {name: maps.shape for name, maps in found.items()} == {
        "conv1": (2, 8, 8, 16),
        "conv2": (2, 4, 4, 32),
    }
    expected = model.conv1(jnp.full((2, 8, 8, 3), (0.2 - 0.5) / 0.25))
    np.testing.assert_allclose(found["conv1"], expected, atol=1e-5)


def test_views_are_answered_together_and_their_logits_averaged(batch):
    network, task = step.SplitModule.of(Small(0.0, rngs=nnx.Rngs(0))), Classification(3)
    weights = network.params, network.stats
    one, _ = step.make_eval_step(network, task)(*weights, batch)
    mirrored, _ = step.make_eval_step(network, task)(
        *weights, {**batch, "image": batch["image"][:, :, ::-1]}
    )
    both, scores = step.make_eval_step(network, task, views=tta_transforms(flip=True, shift=0))(
        *weights, batch
    )
    np.testing.assert_allclose(both, (one + mirrored) / 2, atol=1e-5)
    expected = -jax.nn.log_softmax((one + mirrored) / 2)[np.arange(8), batch["label"]]
    np.testing.assert_allclose(scores["loss"], expected, rtol=1e-4)
