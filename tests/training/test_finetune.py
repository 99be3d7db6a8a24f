"""Stages with rates and starts of their own, against Optax's multi_transform and cases worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.errors import UserError
from gv_jax.models import build
from gv_jax.models.dropout import Dropout
from gv_jax.models.normalization import BatchNorm
from gv_jax.tasks.classification import Classification
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.finetune import FinetuneSpec, StageSpec, make_stage_specs
from gv_jax.training.optimizer import build_optimizer
from gv_jax.training.step import SplitModule, init_train_state, make_train_step

STAGES = ("stem", "stage1", "stage2", "head")
USUAL = {
    "freeze": (),
    "last_stages": 0,
    "stage_lrs": (),
    "layer_decay": 1.0,
    "unfreeze_epochs": (),
    "learning_rate": 1e-3,
    "total_steps": 100,
    "steps_per_epoch": 10,
    "grad_accum_steps": 1,
}


def allowed(**changes):
    return make_stage_specs(STAGES, **{**USUAL, **changes})


def test_rates_go_from_the_head_back_and_the_last_one_is_for_the_rest():
    found = allowed(stage_lrs=(1e-4, 1e-5, 1e-6), freeze=("stem",))
    shares = {stage: tier.rate * 1e-3 for stage, tier in found.items()}
    assert shares == pytest.approx({"stem": 1e-6, "stage1": 1e-6, "stage2": 1e-5, "head": 1e-4})
    assert [found[stage].start for stage in STAGES] == [None, 0, 0, 0]


def test_layer_decay_trained_and_thaw():
    assert [tier.rate for tier in allowed(layer_decay=0.5).values()] == [0.125, 0.25, 0.5, 1.0]
    assert [tier.start for tier in allowed(last_stages=2).values()] == [None, None, 0, 0]
    assert [
        tier.start for tier in allowed(unfreeze_epochs=(0, 1.5, 4), grad_accum_steps=4).values()
    ] == [40, 40, 16, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"freeze": ("stag1",)}, "did you mean 'stage1'?.*head, stage1, stage2, stem"),
        ({"freeze": STAGES}, "nothing is left to train"),
        ({"last_stages": 5}, "0 to 4"),
        ({"stage_lrs": (1e-3, 0)}, "numbers above 0"),
        ({"stage_lrs": (1e-3,), "layer_decay": 0.5}, "not both"),
        ({"layer_decay": 1.5}, "at most 1"),
        ({"unfreeze_epochs": (2, 1)}, "do not fall"),
        ({"unfreeze_epochs": (0, 1, 2, 3, 4)}, "at most 4 numbers"),
        ({"unfreeze_epochs": (0, 10)}, "stage 'stage2' would begin to learn at step 100 of 100"),
    ],
)
def test_mistakes(changes, said):
    with pytest.raises(UserError, match=said) as told:
        allowed(**changes)
    assert "\n" not in str(told.value)


PARTS = {"stem": ("stem",), "body": ("body",), "head": ("head",)}


def params_of(seed):
    draws = np.random.default_rng(seed)
    return {name: {"kernel": jnp.asarray(draws.normal(size=(3, 2)), jnp.float32)} for name in PARTS}


def made(stage_tiers, name="adamw", grad_accum_steps=1, **changes):
    options = {
        "learning_rate": 0.1,
        "schedule": "cosine",
        "total_steps": 12,
        "warmup_steps": 0,
        "step_milestones": (),
        "step_gamma": 0.1,
        "momentum": 0.9,
        "weight_decay": 0.1,
        "clip_norm": 0.0,
        "grad_accum_steps": grad_accum_steps,
    }
    return build_optimizer(
        name=name, tuning=FinetuneSpec(PARTS, stage_tiers), **{**options, **changes}
    )[0]


def last_stages(transform, steps, zero_before=0, first=0):
    """The params after each step; gradients of the body are 0 for the first `zero_before` steps."""
    params, history = params_of(0), []
    state, update = transform.init(params), jax.jit(transform.update)
    for step in range(first, steps):
        gradients = params_of(step + 1)
        if step < zero_before:
            gradients["body"] = jax.tree.map(jnp.zeros_like, gradients["body"])
        updates, state = update(gradients, state, params)
        params = optax.apply_updates(params, updates)
        history.append(params)
    return history


def close(one, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), one, other)


def equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_rates_by_stage_agree_with_multi_transform():
    cosine = optax.cosine_decay_schedule
    reference = optax.multi_transform(
        {
            "frozen": optax.set_to_zero(),
            "body": optax.adamw(cosine(0.01, 12), weight_decay=0.1),
            "head": optax.adamw(cosine(0.1, 12), weight_decay=0.1),
        },
        {"stem": "frozen", "body": "body", "head": "head"},
    )
    ours = last_stages(
        made({"stem": StageSpec(1.0, None), "body": StageSpec(0.1, 0), "head": StageSpec(1.0, 0)}),
        6,
    )
    close(ours[-1], last_stages(reference, 6)[-1])
    equal(ours[-1]["stem"], params_of(0)["stem"])


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_stage_that_thaws_learns_as_at_the_start_of_a_training_on_the_schedule_of_the_whole(name):
    late = {"stem": StageSpec(1.0, 0), "body": StageSpec(0.5, 4), "head": StageSpec(1.0, 0)}
    ours = last_stages(made(late, name), 8)
    for params in ours[:4]:
        equal(params["body"], params_of(0)["body"])
    schedule = optax.cosine_decay_schedule(0.1, 12)
    body = {
        "adam": optax.chain(
            optax.add_decayed_weights(0.1), optax.adam(lambda n: 0.5 * schedule(n + 4))
        ),
        "adamw": optax.adamw(lambda n: 0.5 * schedule(n + 4), weight_decay=0.1),
        "sgd": optax.chain(
            optax.add_decayed_weights(0.1), optax.sgd(lambda n: 0.5 * schedule(n + 4), 0.9)
        ),
    }[name]
    fresh = last_stages(body, 8, first=4)
    for mine, reference in zip(ours[4:], fresh, strict=True):
        close(mine["body"], reference["body"])


def test_thaw_counts_updates_where_gradients_accumulate():
    late = {"stem": StageSpec(1.0, 0), "body": StageSpec(1.0, 4), "head": StageSpec(1.0, 0)}
    ours = last_stages(made(late, grad_accum_steps=2), 6, zero_before=4)
    equal(ours[4]["body"], params_of(0)["body"])
    assert float(jnp.abs(ours[5]["body"]["kernel"] - params_of(0)["body"]["kernel"]).max()) > 0.01


class Trunk(nnx.Module):
    """Three stages with batch normalisation and dropout, on pictures of 4x4."""

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


def batch_at(step):
    draws = np.random.default_rng(step)
    images = draws.integers(0, 256, (8, 4, 4, 3), dtype=np.uint8)
    return {"image": jnp.asarray(images), "label": jnp.asarray(draws.integers(0, 3, 8, np.int32))}


def machine(stage_tiers, freeze_bn=False, ema_decay=0.9):
    model = Trunk(rngs=nnx.Rngs(0))
    tuning = FinetuneSpec(model.stages(), stage_tiers)
    network = SplitModule.of(model, tuning.held, freeze_bn)
    transform = build_optimizer(
        name="adamw", learning_rate=0.1, schedule="constant", total_steps=9, warmup_steps=0, step_milestones=(),
        step_gamma=0.1, momentum=0.9, weight_decay=0.1, clip_norm=1.0, grad_accum_steps=1, tuning=tuning,
    )[0]  # fmt: skip
    update = make_train_step(
        network, Classification(3), transform, lambda k, x, y: (x, y), seed=1, ema_decay=ema_decay
    )
    return network, init_train_state(network, transform, average=ema_decay > 0), jax.jit(update)


def run(stage_tiers, steps, **options):
    network, state, update = machine(stage_tiers, **options)
    history = []
    for step in range(steps):
        state, sums = update(state, batch_at(step))
        history.append((state, float(sums["loss"])))
    return network, history


ALL = {"stem": StageSpec(1.0, 0), "body": StageSpec(1.0, 0), "head": StageSpec(1.0, 0)}


def test_frozen_stage_keeps_weights_statistics_and_average_to_the_bit():
    network, history = run({**ALL, "stem": StageSpec(1.0, None)}, 3)
    state, _ = history[-1]
    for kept in (state.params, state.average["params"]):
        equal((kept["stem"], kept["norm"]), (network.params["stem"], network.params["norm"]))
    for stats in (state.stats, state.average["stats"]):
        equal(stats["norm"], network.stats["norm"])
    assert (
        float(jnp.abs(state.stats["body"][1]["mean"] - network.stats["body"][1]["mean"]).max()) > 0
    )
    assert (3, 4) not in [
        leaf.shape for leaf in jax.tree.leaves(state.opt)
    ]  # no moments of the stem's kernel


def test_frozen_body_normalises_by_what_is_stored_and_drops_nothing():
    """The loss of the first step by hand: stem with the batch's statistics, the rest with those at the start."""
    network, history = run({**ALL, "body": StageSpec(1.0, None)}, 1)
    batch = batch_at(0)
    x = (np.asarray(batch["image"], np.float32) / 255 - 0.5) / 0.25
    p = jax.tree.map(np.asarray, network.params)
    x = x @ p["stem"]["kernel"]
    x = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
    x = (x @ p["body"][0]["kernel"]) / np.sqrt(1 + 1e-5)
    logits = x.mean((1, 2)) @ p["head"]["kernel"]
    expected = -jax.nn.log_softmax(logits)[np.arange(8), batch["label"]].sum()
    assert history[0][1] == pytest.approx(float(expected), rel=1e-5)


def test_a_stage_asleep_is_a_frozen_one_until_it_wakes():
    frozen_network, frozen = run({**ALL, "body": StageSpec(1.0, None)}, 3)
    _, late = run({**ALL, "body": StageSpec(1.0, 3)}, 5)
    for (one, loss), (other, other_loss) in zip(frozen, late, strict=False):
        assert loss == pytest.approx(other_loss, rel=1e-6)
        close(one.params, other.params)
        equal(other.params["body"], frozen_network.params["body"])
        equal(other.average["params"]["body"], frozen_network.params["body"])
        equal(other.stats["body"], frozen_network.stats["body"])
    after = late[3][0]
    moved = after.params["body"][0]["kernel"] - frozen_network.params["body"][0]["kernel"]
    decayed = 0.1 * 0.1 * frozen_network.params["body"][0]["kernel"]
    # Adam's first step is the learning rate in the direction of the gradient, if its bias is corrected
    np.testing.assert_allclose(jnp.abs(moved + decayed), 0.1, rtol=1e-2)
    assert float(jnp.abs(after.stats["body"][1]["mean"]).max()) > 0


def test_fixed_statistics_stay_while_all_weights_learn():
    network, history = run({**ALL, "body": StageSpec(1.0, 1)}, 2, freeze_bn=True)
    state, _ = history[-1]
    equal(state.stats, network.stats)
    assert all(float(jnp.abs(a - b).max()) > 0 for a, b in zip(
        jax.tree.leaves(state.params["body"][0]["kernel"]),
        jax.tree.leaves(network.params["body"][0]["kernel"]), strict=True,
    ))  # fmt: skip


def test_state_saved_before_and_after_the_thaw_goes_on_to_the_bit(tmp_path):
    stage_tiers = {
        "stem": StageSpec(0.1, None),
        "body": StageSpec(1.0, 3),
        "head": StageSpec(1.0, 0),
    }
    _, whole = run(stage_tiers, 5)
    _, first, update = machine(stage_tiers)
    for cut in (2, 4):
        with Checkpoints(tmp_path / str(cut)) as checkpoints:
            state, _ = whole[cut - 1]
            params, stats = state.weights
            checkpoints.save(cut, state, {"params": params, "stats": stats}, {})
        with Checkpoints(tmp_path / str(cut)) as checkpoints:
            state, _, _ = checkpoints.restore(first)
        for step in range(cut, 5):
            state, _ = update(state, batch_at(step))
        equal(whole[-1][0], state)


def test_no_backward_pass_goes_through_stages_that_are_frozen():
    """XLA's own count of the operations of a step: with all but the head frozen little more than one evaluation."""
    model = build("two_layer", inputs=3, classes=3, size=(16, 16), rngs=nnx.Rngs(0))
    images = jax.ShapeDtypeStruct((4, 16, 16, 3), jnp.uint8)
    batch = {"image": images, "label": jax.ShapeDtypeStruct((4,), jnp.int32)}

    def operations(stage_tiers):
        tuning = FinetuneSpec(model.stages(), stage_tiers)
        network = SplitModule.of(model, tuning.held)
        update = make_train_step(
            network, Classification(3), optax.sgd(0.1), lambda k, x, y: (x, y), seed=0
        )
        state = jax.eval_shape(lambda: init_train_state(network, optax.sgd(0.1), average=False))
        return jax.jit(update).lower(state, batch).cost_analysis()["flops"]

    stages = tuple(model.stages())
    frozen = operations({stage: StageSpec(1.0, None) for stage in stages[:-1]})
    assert frozen < 0.5 * operations({stage: StageSpec(1.0, 0) for stage in stages})
