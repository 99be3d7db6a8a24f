"""Optimizers per stage against Optax's multi_transform and hand-worked cases."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gv_jax.errors import UserError
from gv_jax.training.finetune import FinetuneSpec, StageSpec, make_stage_specs
from gv_jax.training.optimizer import build_optimizer

STAGES = ("stem", "stage1", "stage2", "head")
DEFAULTS = {
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


def make_specs(**changes):
    return make_stage_specs(STAGES, **(DEFAULTS | changes))


def start_steps(**changes):
    return [spec.start_step for spec in make_specs(**changes).values()]


def test_stage_lrs_go_from_the_head_to_the_stem_and_the_last_one_repeats():
    specs = make_specs(stage_lrs=(1e-4, 1e-5, 1e-6), freeze=("stem",))
    rates = {stage: spec.lr_scale * 1e-3 for stage, spec in specs.items()}
    assert rates == pytest.approx({"stem": 1e-6, "stage1": 1e-6, "stage2": 1e-5, "head": 1e-4})
    assert [spec.start_step for spec in specs.values()] == [None, 0, 0, 0]


def test_layer_decay_multiplies_from_stage_to_stage():
    specs = make_specs(layer_decay=0.5)
    assert [spec.lr_scale for spec in specs.values()] == [0.125, 0.25, 0.5, 1.0]


def test_only_the_last_stages_are_trained():
    assert start_steps(last_stages=2) == [None, None, 0, 0]


def test_stages_start_with_an_update():
    assert start_steps(unfreeze_epochs=(0, 1.5, 4), grad_accum_steps=4) == [40, 40, 16, 0]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"freeze": ("stag1",)}, r"finetune\.freeze.*stag1.*stage1.*head, stage1, stage2, stem"),
        ({"freeze": STAGES}, r"config\.finetune"),
        ({"last_stages": 5}, r"finetune\.last_stages=5 .*0 to 4"),
        ({"stage_lrs": (1e-3, 0)}, r"finetune\.stage_lrs=\(0\.001, 0\)"),
        ({"stage_lrs": (1e-3,), "layer_decay": 0.5}, r"stage_lrs.*layer_decay"),
        ({"layer_decay": 1.5}, r"finetune\.layer_decay=1\.5"),
        ({"unfreeze_epochs": (2, 1)}, r"finetune\.unfreeze_epochs=\(2, 1\)"),
        ({"unfreeze_epochs": (0, 1, 2, 3, 4)}, r"finetune\.unfreeze_epochs=.* 4 "),
        ({"unfreeze_epochs": (0, 10)}, r"finetune\.unfreeze_epochs=\(0, 10\).*stage2.*100 of 100"),
    ],
)
def test_a_value_out_of_range_is_refused(changes, match):
    with pytest.raises(UserError, match=match) as error:
        make_specs(**changes)
    assert "\n" not in str(error.value)


MODULES = {"stem": ("stem",), "body": ("body",), "head": ("head",)}


def random_params(seed):
    rng = np.random.default_rng(seed)
    return {name: {"kernel": jnp.asarray(rng.normal(size=(3, 2)), jnp.float32)} for name in MODULES}


def make_optimizer(specs, name="adamw", grad_accum_steps=1):
    transform, _ = build_optimizer(
        name=name,
        learning_rate=0.1,
        schedule="cosine",
        warmup_epochs=0,
        step_milestones=(),
        step_gamma=0.1,
        momentum=0.9,
        weight_decay=0.1,
        clip_norm=0.0,
        grad_accum_steps=grad_accum_steps,
        total_steps=12,
        steps_per_epoch=12,
        finetune=FinetuneSpec(MODULES, specs),
    )
    return transform


def run_optimizer(transform, last, first=0, zero_before=0):
    """The parameters after each of the steps from `first` to `last`.

    Gradients of the body are 0 at steps before `zero_before`.
    """
    params, history = random_params(0), []
    state, update = transform.init(params), jax.jit(transform.update)
    for step in range(first, last):
        gradients = random_params(step + 1)
        if step < zero_before:
            gradients["body"] = jax.tree.map(jnp.zeros_like, gradients["body"])
        updates, state = update(gradients, state, params)
        params = optax.apply_updates(params, updates)
        history.append(params)
    return history


def assert_close(tree, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), tree, expected
    )


def assert_equal(tree, expected):
    jax.tree.map(np.testing.assert_array_equal, tree, expected)


def test_learning_rates_per_stage_agree_with_multi_transform():
    cosine = optax.cosine_decay_schedule
    reference = optax.multi_transform(
        {
            "frozen": optax.set_to_zero(),
            "body": optax.adamw(cosine(0.01, 12), weight_decay=0.1),
            "head": optax.adamw(cosine(0.1, 12), weight_decay=0.1),
        },
        {"stem": "frozen", "body": "body", "head": "head"},
    )
    specs = {"stem": StageSpec(1.0, None), "body": StageSpec(0.1, 0), "head": StageSpec(1.0, 0)}
    params = run_optimizer(make_optimizer(specs), 6)[-1]
    assert_close(params, run_optimizer(reference, 6)[-1])
    assert_equal(params["stem"], random_params(0)["stem"])


def make_late_specs(lr_scale):
    """The body starts at step 4."""
    trained = StageSpec(1.0, 0)
    return {"stem": trained, "body": StageSpec(lr_scale, 4), "head": trained}


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_late_stage_has_fresh_moments_and_the_schedule_of_the_whole_training(name):
    history = run_optimizer(make_optimizer(make_late_specs(0.5), name), 8)
    for params in history[:4]:
        assert_equal(params["body"], random_params(0)["body"])
    cosine = optax.cosine_decay_schedule(0.1, 12)

    def schedule(count):
        return 0.5 * cosine(count + 4)

    decay = optax.add_decayed_weights(0.1)
    reference = {
        "adam": optax.chain(decay, optax.adam(schedule)),
        "adamw": optax.adamw(schedule, weight_decay=0.1),
        "sgd": optax.chain(decay, optax.sgd(schedule, 0.9)),
    }[name]
    expected = run_optimizer(reference, 8, first=4)
    for params, expected_params in zip(history[4:], expected, strict=True):
        assert_close(params["body"], expected_params["body"])


def test_a_late_stage_starts_with_an_update_of_accumulated_gradients():
    transform = make_optimizer(make_late_specs(1.0), grad_accum_steps=2)
    history = run_optimizer(transform, 6, zero_before=4)
    initial = random_params(0)["body"]
    assert_equal(history[4]["body"], initial)
    assert float(jnp.abs(history[5]["body"]["kernel"] - initial["kernel"]).max()) > 0.01
