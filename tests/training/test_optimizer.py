"""Optimizers and schedules against PyTorch's and hand-worked cases."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import linalg

from gv_jax.errors import UserError
from gv_jax.training.optimizer import OPTIMIZERS, SCHEDULES, build_optimizer

DEFAULTS = {
    "name": "adam",
    "learning_rate": 0.1,
    "schedule": "constant",
    "warmup_epochs": 0,
    "step_milestones": (0.5, 0.75),
    "step_gamma": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "clip_norm": 0.0,
    "grad_accum_steps": 1,
    "total_steps": 100,
    "steps_per_epoch": 1,
}


def build(**changes):
    return build_optimizer(**(DEFAULTS | changes))


def rates(steps, **changes):
    _, schedule = build(**changes)
    return np.array([float(schedule(step)) for step in range(steps)])


def random_params(rng):
    return {"kernel": rng.normal(size=(3, 2)), "bias": rng.normal(size=2)}


def initial_params():
    return random_params(np.random.default_rng(0))


def random_gradients(steps):
    rng = np.random.default_rng(1)
    return [random_params(rng) for _ in range(steps)]


def run(transform, initial, gradients):
    params: Any = jax.tree.map(jnp.float32, initial)
    state = transform.init(params)
    update = jax.jit(transform.update)
    for gradient in gradients:
        updates, state = update(jax.tree.map(jnp.float32, gradient), state, params)
        params = optax.apply_updates(params, updates)
    return params


def run_torch(torch, name, options, initial, gradients, clip_norm):
    params = {key: torch.nn.Parameter(torch.tensor(value)) for key, value in initial.items()}
    groups = [
        {"params": [params["kernel"]], "weight_decay": options["weight_decay"]},
        {"params": [params["bias"]], "weight_decay": 0.0},
    ]
    cls = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[name]
    kwargs = {"momentum": options["momentum"]} if name == "sgd" else {}
    optimizer = cls(groups, lr=options["learning_rate"], **kwargs)
    for gradient in gradients:
        for key, value in gradient.items():
            params[key].grad = torch.tensor(value)
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(params.values(), clip_norm)
        optimizer.step()
    return {key: value.detach().numpy() for key, value in params.items()}


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_updates_agree_with_torch(name, weight_decay, clip_norm):
    torch = pytest.importorskip("torch")
    options = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": weight_decay}
    transform, _ = build(name=name, clip_norm=clip_norm, **options)
    gradients = random_gradients(8)
    params = run(transform, initial_params(), gradients)
    expected = run_torch(torch, name, options, initial_params(), gradients, clip_norm)
    for key in expected:
        np.testing.assert_allclose(params[key], expected[key], rtol=1e-5, atol=2e-6)


def torch_rates(steps, name, **kwargs):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = getattr(torch.optim.lr_scheduler, name)(optimizer, **kwargs)
    values = schedule.get_last_lr()
    for _ in range(steps - 1):
        optimizer.step()
        schedule.step()
        values = values + schedule.get_last_lr()
    return values


@pytest.mark.parametrize("total", [4, 10, 57, 100])
def test_one_cycle_agrees_with_torch(total):
    kwargs = {"max_lr": 0.1, "total_steps": total, "cycle_momentum": False}
    expected = torch_rates(total, "OneCycleLR", **kwargs)
    values = rates(total, schedule="one_cycle", total_steps=total)
    np.testing.assert_allclose(values, expected, rtol=2e-4)


def test_cosine_agrees_with_torch():
    expected = torch_rates(100, "CosineAnnealingLR", T_max=100)
    np.testing.assert_allclose(rates(100, schedule="cosine"), expected, rtol=1e-4, atol=1e-7)


def test_step_decay_agrees_with_torch():
    expected = torch_rates(100, "MultiStepLR", milestones=[50, 75], gamma=0.2)
    np.testing.assert_allclose(rates(100, schedule="step", step_gamma=0.2), expected, rtol=1e-5)


def test_milestones_at_the_same_step_multiply():
    values = rates(3, schedule="step", total_steps=3, step_milestones=(0.6, 0.7))  # 2 and 2
    np.testing.assert_allclose(values, [0.1, 0.1, 0.001], rtol=1e-5)


def test_one_cycle_rises_for_30_percent_of_the_steps():
    values = rates(100, schedule="one_cycle")
    np.testing.assert_allclose(values[[0, 29, 99]], [0.1 / 25, 0.1, 0.1 / 250_000], rtol=1e-4)
    assert (np.diff(values[:30]) > 0).all()
    assert (np.diff(values[29:]) < 0).all()


@pytest.mark.parametrize("total", [1, 2, 3])
def test_one_cycle_of_a_few_steps_stays_in_range(total):
    values = rates(total + 2, schedule="one_cycle", total_steps=total)
    assert ((values > 0) & (values <= np.float32(0.1))).all()


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_warmup_rises_linearly_before_the_schedule(schedule):
    values = rates(20, schedule=schedule, total_steps=20, warmup_epochs=0.4, steps_per_epoch=9)
    np.testing.assert_allclose(values[:4], [0.02, 0.04, 0.06, 0.08], rtol=1e-5)  # round(3.6) steps
    np.testing.assert_allclose(values[4:], rates(16, schedule=schedule, total_steps=16), rtol=1e-5)


def test_updates_follow_the_schedule():
    transform, schedule = build(name="sgd", momentum=0.0, schedule="cosine", total_steps=3)
    ones = {"kernel": np.ones((3, 2)), "bias": np.ones(2)}
    params = run(transform, initial_params(), [ones] * 3)
    expected = initial_params()["bias"] - sum(float(schedule(step)) for step in range(3))
    np.testing.assert_allclose(params["bias"], expected, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_weight_decay_spares_norms_and_biases(name):
    transform, _ = build(name=name, weight_decay=0.1, momentum=0.0)
    zeros = {"kernel": np.zeros((3, 2)), "bias": np.zeros(2)}
    initial = initial_params()
    params = run(transform, initial, [zeros])
    np.testing.assert_array_equal(params["bias"], np.float32(initial["bias"]))
    decayed = initial["kernel"] * (1 - 0.1 * 0.1)
    adam = initial["kernel"] - 0.1 * np.sign(initial["kernel"])  # first update of any gradient
    expected = {"adam": adam}.get(name, decayed)
    np.testing.assert_allclose(params["kernel"], expected, rtol=1e-4, atol=1e-5)


def test_clipping_is_by_the_global_norm():
    transform, _ = build(name="sgd", momentum=0.0, learning_rate=1.0, clip_norm=2.5)
    gradient = {"kernel": np.array([[3.0, 0.0]]), "bias": np.array([4.0])}  # norm 5
    params = run(transform, {"kernel": np.zeros((1, 2)), "bias": np.zeros(1)}, [gradient])
    np.testing.assert_allclose(params["kernel"], [[-1.5, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(params["bias"], [-2.0], rtol=1e-6)


def loss_fn(params, inputs, targets):
    outputs = inputs @ params["kernel"] + params["bias"].reshape(1, 2)
    return ((outputs - targets) ** 2).mean()


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_gradient_accumulation_equals_the_large_batch(name):
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(24, 3)).astype(np.float32)
    targets = rng.normal(size=(24, 2)).astype(np.float32)
    options = {"name": name, "schedule": "cosine", "weight_decay": 0.1, "clip_norm": 0.5}
    outcomes: list[Any] = []
    for size, grad_accum_steps in ((12, 1), (3, 4)):
        steps = 24 // size
        transform, _ = build(total_steps=steps, grad_accum_steps=grad_accum_steps, **options)

        @jax.jit
        def train_step(params, state, *batch, update=transform.update):
            updates, state = update(jax.grad(loss_fn)(params, *batch), state, params)
            return optax.apply_updates(params, updates), state

        params: Any = jax.tree.map(jnp.float32, initial_params())
        state = transform.init(params)
        for first in range(0, 24, size):
            batch = inputs[first : first + size], targets[first : first + size]
            params, state = train_step(params, state, *batch)
        outcomes.append(params)
    large, accumulated = outcomes
    for key, initial in initial_params().items():
        np.testing.assert_allclose(large[key], accumulated[key], rtol=2e-5, atol=1e-6)
        assert not np.allclose(large[key], initial)


def test_schedules_count_updates():
    # 9 steps: one update of warm-up, one at the peak, and a gradient that is left over
    values = rates(9, schedule="cosine", total_steps=9, grad_accum_steps=4, warmup_epochs=3)
    np.testing.assert_allclose(values[:8], [0.05] * 4 + [0.1] * 4, rtol=1e-6)
    assert math.isclose(values[8], 0.0, abs_tol=1e-8)


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_schedules_can_be_traced(schedule):
    _, rate = build(schedule=schedule, grad_accum_steps=2)
    traced = jax.jit(lambda step: rate(step) * jnp.float32(1))(jnp.int32(60))
    np.testing.assert_allclose(traced, float(rate(60)), rtol=1e-5)


def test_weight_decay_may_be_traced():
    def update(weight_decay):
        transform, _ = build(name="sgd", weight_decay=weight_decay)
        params = jax.tree.map(jnp.float32, initial_params())
        zeros = jax.tree.map(jnp.zeros_like, params)
        return transform.update(zeros, transform.init(params), params)[0]["kernel"]

    np.testing.assert_allclose(jax.jit(update)(0.3), update(0.3), rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "adm"}, "'adam'"),
        ({"schedule": "cosin"}, "'cosine'"),
        ({"learning_rate": 0.0}, "optimizer.learning_rate=0.0"),
        ({"learning_rate": math.nan}, "optimizer.learning_rate=nan"),
        ({"momentum": 1.0}, "optimizer.momentum=1.0"),
        ({"weight_decay": -1e-4}, "optimizer.weight_decay=-0.0001"),
        ({"clip_norm": -1.0}, "optimizer.clip_norm=-1.0"),
        ({"grad_accum_steps": 0}, "optimizer.grad_accum_steps=0"),
        ({"grad_accum_steps": 101}, "1 to 100"),
        ({"step_milestones": (0.5, 1.5)}, "optimizer.step_milestones=(0.5, 1.5)"),
        ({"step_gamma": 0.0}, "optimizer.step_gamma=0.0"),
        ({"warmup_epochs": 50, "steps_per_epoch": 2}, "optimizer.warmup_epochs=50"),
        ({"warmup_epochs": 1, "schedule": "one_cycle"}, "one_cycle"),
    ],
)
def test_a_value_out_of_range_is_refused(changes, expected):
    with pytest.raises(UserError) as error:
        build(**changes)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_muon_orthogonalizes_kernels_and_leaves_other_arrays_to_adam():
    """Against the polar factor by SciPy, which five Newton-Schulz steps approximate."""
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 3, 4, 8), "bias": (8,)}
    gradient = {
        name: jnp.asarray(rng.normal(size=shape), jnp.float32) for name, shape in shapes.items()
    }
    params = jax.tree.map(jnp.zeros_like, gradient)
    updates = {}
    for name in ("muon", "adam"):
        transform, _ = build(name=name, learning_rate=0.5)
        updates[name], _ = transform.update(gradient, transform.init(params), params)
    matrix = np.asarray(updates["muon"]["kernel"]).reshape(36, 8)
    expected = (
        -0.5 * 0.2 * np.sqrt(36) * linalg.polar(np.asarray(gradient["kernel"]).reshape(36, 8))[0]
    )
    values = np.linalg.svd(matrix, compute_uv=False) / np.linalg.svd(expected, compute_uv=False)
    assert ((values > 0.6) & (values < 1.3)).all()
    cosine = (matrix * expected).sum() / np.linalg.norm(matrix) / np.linalg.norm(expected)
    assert cosine > 0.97
    assert np.sign(updates["muon"]["bias"]).tolist() == np.sign(updates["adam"]["bias"]).tolist()


def test_muon_decays_kernels_apart_from_the_gradient():
    params = {"kernel": jnp.ones((4, 3)), "bias": jnp.ones(3)}
    transform, _ = build(name="muon", learning_rate=0.5, weight_decay=0.1)
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = transform.update(zeros, transform.init(params), params)
    np.testing.assert_allclose(updates["kernel"], -0.05, rtol=1e-5)
    np.testing.assert_allclose(updates["bias"], 0, atol=1e-7)
