"""Training steps of networks with frozen stages, against hand-worked results."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.models import build
from gv_jax.models.dropout import Dropout
from gv_jax.models.normalization import BatchNorm
from gv_jax.tasks.classification import Classification
from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.finetune import FinetuneSpec, StageSpec
from gv_jax.training.optimizer import build_optimizer
from gv_jax.training.step import SplitModule, init_train_state, make_train_step

TRAINED = StageSpec(1.0, 0)
ALL_TRAINED = {"stem": TRAINED, "body": TRAINED, "head": TRAINED}
TASK = Classification(3)


class ThreeStageNet(nnx.Module):
    """Three stages with batch normalization and dropout, for images of 4x4 pixels."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.stem, self.norm = nnx.Linear(3, 4, rngs=rngs), BatchNorm(4)
        self.body = nnx.List([nnx.Linear(4, 4, rngs=rngs), BatchNorm(4), Dropout(0.5, rngs=rngs)])
        self.head = nnx.Linear(4, 3, rngs=rngs)

    def stages(self):
        return {"stem": ("stem", "norm"), "body": ("body",), "head": ("head",)}

    def __call__(self, x):
        x = self.norm(self.stem(x))
        for layer in self.body:
            x = layer(x)
        return self.head(x.mean((1, 2)))


def identity(key, images, targets):
    return images, targets


def batch_at(step):
    rng = np.random.default_rng(step)
    images = rng.integers(0, 256, (8, 4, 4, 3), dtype=np.uint8)
    return {"image": jnp.asarray(images), "label": jnp.asarray(rng.integers(0, 3, 8, np.int32))}


def make_training(specs, freeze_bn=False):
    """(network, state, compiled training step) with AdamW and an EMA."""
    model = ThreeStageNet(rngs=nnx.Rngs(0))
    finetune = FinetuneSpec(model.stages(), specs)
    network = SplitModule.from_module(model, finetune.frozen, freeze_bn)
    optimizer, _ = build_optimizer(
        name="adamw",
        learning_rate=0.1,
        schedule="constant",
        warmup_epochs=0,
        step_milestones=(),
        step_gamma=0.1,
        momentum=0.9,
        weight_decay=0.1,
        clip_norm=1.0,
        grad_accum_steps=1,
        total_steps=9,
        steps_per_epoch=9,
        finetune=finetune,
    )
    train_step = make_train_step(network, TASK, optimizer, identity, seed=1, ema_decay=0.9)
    return network, init_train_state(network, optimizer, ema=True), jax.jit(train_step)


def run(specs, steps, **options):
    """The network, and (state, sum of losses) after every step."""
    network, state, train_step = make_training(specs, **options)
    history = []
    for step in range(steps):
        state, sums = train_step(state, batch_at(step))
        history.append((state, float(sums["loss"])))
    return network, history


def assert_equal(tree, expected):
    jax.tree.map(np.testing.assert_array_equal, tree, expected)


def max_change(after, before):
    return float(jnp.abs(after - before).max())


def test_a_frozen_stage_keeps_weights_statistics_and_average_to_the_bit():
    network, history = run({**ALL_TRAINED, "stem": StageSpec(1.0, None)}, 3)
    state, _ = history[-1]
    for params in (state.params, state.ema["params"]):
        for module in ("stem", "norm"):
            assert_equal(params[module], network.params[module])
    for batch_stats in (state.batch_stats, state.ema["batch_stats"]):
        assert_equal(batch_stats["norm"], network.batch_stats["norm"])
    body_stats = (stats["body"][1]["mean"] for stats in (state.batch_stats, network.batch_stats))
    assert max_change(*body_stats) > 0
    stem_shape = network.params["stem"]["kernel"].shape
    assert stem_shape not in {leaf.shape for leaf in jax.tree.leaves(state.opt_state)}


def test_a_frozen_stage_uses_running_statistics_and_no_dropout():
    network, history = run({**ALL_TRAINED, "body": StageSpec(1.0, None)}, 1)
    batch, params = batch_at(0), jax.tree.map(np.asarray, network.params)
    x = (np.asarray(batch["image"], np.float32) / 255 - 0.5) / 0.25
    x = x @ params["stem"]["kernel"]
    x = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)  # statistics of the batch
    x = (x @ params["body"][0]["kernel"]) / np.sqrt(1 + 1e-5)  # running: mean 0, variance 1
    logits = x.mean((1, 2)) @ params["head"]["kernel"]
    expected = -jax.nn.log_softmax(logits)[np.arange(8), batch["label"]].sum()
    assert history[0][1] == pytest.approx(float(expected), rel=1e-5)


def test_a_late_stage_is_frozen_until_its_first_step():
    network, frozen = run({**ALL_TRAINED, "body": StageSpec(1.0, None)}, 3)
    _, late = run({**ALL_TRAINED, "body": StageSpec(1.0, 3)}, 4)
    for (frozen_state, frozen_loss), (state, loss) in zip(frozen, late, strict=False):
        assert loss == pytest.approx(frozen_loss, rel=1e-6)
        for name, params in frozen_state.params.items():
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
                state.params[name],
                params,
            )
        assert_equal(state.params["body"], network.params["body"])
        assert_equal(state.ema["params"]["body"], network.params["body"])
        assert_equal(state.batch_stats["body"], network.batch_stats["body"])
    state, _ = late[3]
    kernel = network.params["body"][0]["kernel"]
    adam_update = state.params["body"][0]["kernel"] - kernel + 0.1 * 0.1 * kernel
    # the first bias-corrected update of Adam is the learning rate times the sign of the gradient
    np.testing.assert_allclose(jnp.abs(adam_update), 0.1, rtol=1e-2)
    assert max_change(state.batch_stats["body"][1]["mean"], 0.0) > 0


def test_freeze_bn_keeps_all_statistics():
    network, history = run({**ALL_TRAINED, "body": StageSpec(1.0, 1)}, 2, freeze_bn=True)
    state, _ = history[-1]
    assert_equal(state.batch_stats, network.batch_stats)
    kernels = (params["body"][0]["kernel"] for params in (state.params, network.params))
    assert max_change(*kernels) > 0


@pytest.mark.parametrize("last_saved", [2, 4])
def test_a_resumed_training_is_equal_to_the_bit(tmp_path, last_saved):
    """Saved before and after the body starts at step 3."""
    specs = {"stem": StageSpec(0.1, None), "body": StageSpec(1.0, 3), "head": TRAINED}
    _, history = run(specs, 5)
    _, initial, train_step = make_training(specs)
    state, _ = history[last_saved - 1]
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(last_saved, state, snapshot(state), {})
    with Checkpoints(tmp_path) as checkpoints:
        state, _, _ = checkpoints.restore(initial)
    for step in range(last_saved, 5):
        state, _ = train_step(state, batch_at(step))
    assert_equal(state, history[-1][0])


def test_no_gradient_is_computed_of_frozen_stages():
    """By XLA's count of operations: a step of the head alone costs little more than evaluation."""
    model = build("two_layer", inputs=3, classes=3, size=(16, 16), rngs=nnx.Rngs(0))
    images = jax.ShapeDtypeStruct((4, 16, 16, 3), jnp.uint8)
    batch = {"image": images, "label": jax.ShapeDtypeStruct((4,), jnp.int32)}

    def count_flops(specs):
        network = SplitModule.from_module(model, FinetuneSpec(model.stages(), specs).frozen)
        train_step = make_train_step(network, TASK, optax.sgd(0.1), identity, seed=0)
        state = jax.eval_shape(lambda: init_train_state(network, optax.sgd(0.1), ema=False))
        return jax.jit(train_step).lower(state, batch).cost_analysis()["flops"]

    all_trained = dict.fromkeys(model.stages(), TRAINED)
    head_only = {**dict.fromkeys(model.stages(), StageSpec(1.0, None)), "head": TRAINED}
    assert count_flops(head_only) < 0.5 * count_flops(all_trained)
