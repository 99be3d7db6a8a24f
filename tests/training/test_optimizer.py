import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gv_jax.errors import UserError
from gv_jax.training.optimizer import OPTIMIZERS, SCHEDULES, build_optimizer

DEFAULTS = {
    "name": "adam",
    "learning_rate": 0.1,
    "schedule": "constant",
    "total_steps": 100,
    "warmup_steps": 0,
    "step_milestones": (0.5, 0.75),
    "step_gamma": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "clip_norm": 0.0,
    "grad_accum_steps": 1,
}


def make(**changes):
    return build_optimizer(**(DEFAULTS | changes))


def rates(steps, **changes):
    _, rate = make(**changes)
    return np.array([float(rate(step)) for step in range(steps)])


def start():
    generator = np.random.default_rng(0)
    return {"kernel": generator.normal(size=(3, 2)), "bias": generator.normal(size=2)}


def gradients(steps):
    generator = np.random.default_rng(1)
    return [
        {"kernel": generator.normal(size=(3, 2)), "bias": generator.normal(size=2)}
        for _ in range(steps)
    ]


def run(transformation, initial, steps):
    params: Any = jax.tree.map(jnp.float32, initial)
    state = transformation.init(params)
    update = jax.jit(transformation.update)
    for gradient in steps:
        updates, state = update(jax.tree.map(jnp.float32, gradient), state, params)
        params = optax.apply_updates(params, updates)
    return params


def run_torch(torch, name, settings, params, steps, clip_norm):
    params = {key: torch.nn.Parameter(torch.tensor(value)) for key, value in params.items()}
    groups = [
        {"params": [params["kernel"]], "weight_decay": settings["weight_decay"]},
        {"params": [params["bias"]], "weight_decay": 0.0},
    ]
    build = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[name]
    options = {"momentum": settings["momentum"]} if name == "sgd" else {}
    torch_optimizer = build(groups, lr=settings["learning_rate"], **options)
    for gradient in steps:
        for key, value in gradient.items():
            params[key].grad = torch.tensor(value)
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(params.values(), clip_norm)
        torch_optimizer.step()
    return {key: value.detach().numpy() for key, value in params.items()}


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_updates_agree_with_torch(name, weight_decay, clip_norm):
    torch = pytest.importorskip("torch")
    settings = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": weight_decay}
    transformation, _ = make(name=name, clip_norm=clip_norm, **settings)
    found = run(transformation, start(), gradients(8))
    expected = run_torch(torch, name, settings, start(), gradients(8), clip_norm)
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-5, atol=2e-6)


def torch_rates(build, steps):
    torch = pytest.importorskip("torch")
    torch_optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = build(torch.optim.lr_scheduler, torch_optimizer)
    found = schedule.get_last_lr()
    for _ in range(steps - 1):
        torch_optimizer.step()
        schedule.step()
        found = found + schedule.get_last_lr()
    return found


@pytest.mark.parametrize("total", [4, 10, 57, 100])
def test_one_cycle_agrees_with_torch(total):
    expected = torch_rates(
        lambda schedulers, of: schedulers.OneCycleLR(
            of, 0.1, total_steps=total, cycle_momentum=False
        ),
        total,
    )
    np.testing.assert_allclose(
        rates(total, schedule="one_cycle", total_steps=total), expected, rtol=2e-4
    )


def test_cosine_agrees_with_torch():
    expected = torch_rates(lambda schedulers, of: schedulers.CosineAnnealingLR(of, T_max=100), 100)
    np.testing.assert_allclose(rates(100, schedule="cosine"), expected, rtol=1e-4, atol=1e-7)


def test_step_agrees_with_torch():
    expected = torch_rates(
        lambda schedulers, of: schedulers.MultiStepLR(of, [50, 75], gamma=0.2), 100
    )
    np.testing.assert_allclose(rates(100, schedule="step", step_gamma=0.2), expected, rtol=1e-5)


def test_drops_at_the_same_step_multiply():
    found = rates(3, schedule="step", total_steps=3, step_milestones=(0.6, 0.7))  # both round to 2
    np.testing.assert_allclose(found, [0.1, 0.1, 0.001], rtol=1e-5)


def test_one_cycle_without_torch():
    found = rates(100, schedule="one_cycle")
    np.testing.assert_allclose(found[[0, 29, 99]], [0.1 / 25, 0.1, 0.1 / 250_000], rtol=1e-4)
    assert (np.diff(found[:30]) > 0).all()
    assert (np.diff(found[29:]) < 0).all()


@pytest.mark.parametrize("total", [1, 2, 3])
def test_one_cycle_of_a_few_steps_stays_in_range(total):
    found = rates(total + 2, schedule="one_cycle", total_steps=total)
    assert ((found > 0) & (found <= np.float32(0.1))).all()


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_warm_up_rises_in_equal_steps_before_the_schedule(schedule):
    found = rates(20, schedule=schedule, total_steps=20, warmup_steps=4)
    np.testing.assert_allclose(found[:4], [0.02, 0.04, 0.06, 0.08], rtol=1e-5)
    np.testing.assert_allclose(found[4:], rates(16, schedule=schedule, total_steps=16), rtol=1e-5)


def test_the_transformation_uses_the_schedule():
    transformation, rate = make(name="sgd", momentum=0.0, schedule="cosine", total_steps=3)
    ones = {"kernel": np.ones((3, 2)), "bias": np.ones(2)}
    found = run(transformation, start(), [ones] * 3)
    expected = start()["bias"] - sum(float(rate(step)) for step in range(3))
    np.testing.assert_allclose(found["bias"], expected, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_weight_decay_spares_norms_and_biases(name):
    transformation, _ = make(name=name, weight_decay=0.1, momentum=0.0)
    zero = {"kernel": np.zeros((3, 2)), "bias": np.zeros(2)}
    found = run(transformation, start(), [zero])
    np.testing.assert_array_equal(found["bias"], np.float32(start()["bias"]))
    kernel = start()["kernel"]
    shrunk = kernel * (1 - 0.1 * 0.1)
    moved = kernel - 0.1 * np.sign(kernel)  # Adam's first update, whatever the gradient's size
    expected = {"adam": moved, "adamw": shrunk, "sgd": shrunk}[name]
    np.testing.assert_allclose(found["kernel"], expected, rtol=1e-4, atol=1e-5)


def test_clipping_is_by_the_norm_of_all_gradients():
    transformation, _ = make(name="sgd", momentum=0.0, learning_rate=1.0, clip_norm=2.5)
    gradient = {"kernel": np.array([[3.0, 0.0]]), "bias": np.array([4.0])}  # norm 5
    found = run(transformation, {"kernel": np.zeros((1, 2)), "bias": np.zeros(1)}, [gradient])
    np.testing.assert_allclose(found["kernel"], [[-1.5, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(found["bias"], [-2.0], rtol=1e-6)


def loss(params, inputs, targets):
    return ((inputs @ params["kernel"] + params["bias"].reshape(1, 2) - targets) ** 2).mean()


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_accumulating_equals_the_large_batch(name):
    generator = np.random.default_rng(2)
    inputs = generator.normal(size=(24, 3)).astype(np.float32)
    targets = generator.normal(size=(24, 2)).astype(np.float32)
    settings = {"name": name, "schedule": "cosine", "weight_decay": 0.1, "clip_norm": 0.5}
    ends: list[Any] = []
    for size, grad_accum_steps in ((12, 1), (3, 4)):
        steps = 24 // size
        transformation, _ = make(total_steps=steps, grad_accum_steps=grad_accum_steps, **settings)

        @jax.jit
        def step(params, state, *batch, update=transformation.update):
            updates, state = update(jax.grad(loss)(params, *batch), state, params)
            return optax.apply_updates(params, updates), state

        params: Any = jax.tree.map(jnp.float32, start())
        state = transformation.init(params)
        for first in range(0, 24, size):
            batch = inputs[first : first + size], targets[first : first + size]
            params, state = step(params, state, *batch)
        ends.append(params)
    for key in ends[0]:
        np.testing.assert_allclose(ends[0][key], ends[1][key], rtol=2e-5, atol=1e-6)
        assert not np.allclose(ends[0][key], start()[key])


def test_schedules_count_updates_and_are_asked_by_step():
    # 9 steps: an update of warm-up, one at the peak, and a gradient left over
    found = rates(9, schedule="cosine", total_steps=9, grad_accum_steps=4, warmup_steps=3)
    np.testing.assert_allclose(found[:8], [0.05] * 4 + [0.1] * 4, rtol=1e-6)
    assert math.isclose(found[8], 0.0, abs_tol=1e-8)


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_every_schedule_can_be_asked_inside_jit(schedule):
    _, rate = make(schedule=schedule, grad_accum_steps=2)
    inside = jax.jit(lambda step: rate(step) * jnp.float32(1))(jnp.int32(60))
    np.testing.assert_allclose(inside, float(rate(60)), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "adm"}, "did you mean 'adam'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"learning_rate": 0.0}, "optimizer.learning_rate=0.0"),
        ({"learning_rate": math.nan}, "optimizer.learning_rate=nan"),
        ({"momentum": 1.0}, "optimizer.momentum=1.0"),
        ({"weight_decay": -1e-4}, "optimizer.weight_decay=-0.0001"),
        ({"clip_norm": -1.0}, "optimizer.clip_norm=-1.0"),
        ({"grad_accum_steps": 0}, "optimizer.grad_accum_steps=0"),
        ({"grad_accum_steps": 101}, "1 to 100"),
        ({"step_milestones": (0.5, 1.5)}, "optimizer.step_milestones"),
        ({"step_gamma": 0.0}, "optimizer.step_gamma=0.0"),
        ({"warmup_steps": 100}, "warm-up of 100 steps"),
        ({"warmup_steps": 1, "schedule": "one_cycle"}, "0 to 0 before one_cycle"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(changes, words):
    with pytest.raises(UserError) as caught:
        make(**changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
