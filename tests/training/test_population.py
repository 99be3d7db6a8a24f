"""Members of a population are equal to the runs that they would be alone."""

import functools
import os
import shutil
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.data.batch_reader import BatchReader
from gv_jax.errors import UserError
from gv_jax.models import build
from gv_jax.tasks.classification import Classification
from gv_jax.training.fit import InterruptedRun, LoopConfig, RunTracker, fit
from gv_jax.training.optimizer import build_optimizer
from gv_jax.training.population import (
    HParams,
    fit_population,
    make_vmapped_train_step,
    tree_index,
    tree_stack,
)
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, init_train_state, make_eval_step, make_train_step

TASK = Classification(4, (0.5,), (0.25,))
LOOP = LoopConfig(
    steps=12,
    steps_per_epoch=4,
    batch_size=8,
    monitor=("accuracy", "max"),
    select_best=True,
    patience=0,
    checkpoint_seconds=0.0,
)


def make_optimizer(name, learning_rate, weight_decay):
    transform, _ = build_optimizer(
        name=name,
        learning_rate=learning_rate,
        schedule="one_cycle",
        warmup_epochs=0,
        step_milestones=(),
        step_gamma=0.1,
        momentum=0.9,
        weight_decay=weight_decay,
        clip_norm=1.0,
        grad_accum_steps=1,
        total_steps=10,
        steps_per_epoch=10,
    )
    return transform


@functools.cache
def make_network(seed, dropout=0.5):
    rngs = nnx.Rngs(seed)
    model = build("two_layer", inputs=3, classes=4, size=(8, 8), dropout=dropout, rngs=rngs)
    return SplitModule.from_module(model)


def make_batch(seed, step):
    rng = np.random.default_rng((seed, step))
    images = rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    return {"image": jnp.asarray(images), "label": jnp.asarray(rng.integers(0, 4, 8, np.int32))}


def join_batches(step, seeds):
    """The batches of all members, one after the other."""
    batches = [make_batch(seed, step) for seed in seeds]
    return jax.tree.map(lambda *rows: jnp.concatenate(rows), *batches)


def get_kernels(state):
    """Weights of more than one axis, and their averages.

    The gradient of a bias before a batch normalization is 0; Adam scales its rounding errors up.
    """
    leaves = jax.tree.leaves((state.params, state.ema["params"]))
    return [leaf for leaf in leaves if leaf.ndim > 1]


def test_members_train_as_they_would_alone():
    seeds, rates, decays = (0, 2), (1e-2, 3e-3), (0.01, 0.2)
    dropouts, smoothings = (0.5, 0.1), (0.1, 0.3)
    augment = {"flip": 0.5, "pad_crop": 2.0, "mixup": 0.4}
    networks = [make_network(*member) for member in zip(seeds, dropouts, strict=True)]
    first_optimizer = make_optimizer("adamw", rates[0], decays[0])
    states = tree_stack([init_train_state(net, first_optimizer, ema=True) for net in networks])
    hparams = HParams(
        seed=jnp.asarray(seeds, jnp.uint32),
        learning_rate=jnp.asarray(rates) / rates[0],
        weight_decay=jnp.asarray(decays),
        label_smoothing=jnp.asarray(smoothings),
        rng_state=tree_stack([network.rng_state for network in networks]),
    )
    train_step = jax.jit(
        make_vmapped_train_step(
            networks[0],
            TASK,
            lambda weight_decay: make_optimizer("adamw", rates[0], weight_decay),
            build_augmentation(augment),
            ema_decay=0.9,
        )
    )
    losses = []
    for step in range(3):
        states, metrics = train_step(states, join_batches(step, seeds), hparams)
        losses.append([float(sums["loss"]) for sums in metrics])

    for index, (seed, network) in enumerate(zip(seeds, networks, strict=True)):
        optimizer = make_optimizer("adamw", rates[index], decays[index])
        smoothed = build_augmentation({**augment, "label_smoothing": smoothings[index]})
        train_alone = jax.jit(
            make_train_step(network, TASK, optimizer, smoothed, seed=seed, ema_decay=0.9)
        )
        state = init_train_state(network, optimizer, ema=True)
        for step in range(3):
            state, sums = train_alone(state, make_batch(seed, step))
            np.testing.assert_allclose(losses[step][index], sums["loss"], rtol=1e-4)
        kernels = zip(get_kernels(tree_index(states, index)), get_kernels(state), strict=True)
        for kernel, expected in kernels:
            np.testing.assert_allclose(kernel, expected, atol=2e-4)


@functools.cache
def make_eval(seed):
    return jax.jit(make_eval_step(make_network(seed), TASK))


def make_tracker(path, seed):
    def validate(state):
        _, metrics = make_eval(seed)(*state.eval_weights, make_batch(99, 0))
        return {name: float(values.mean()) for name, values in metrics.items()}

    path.mkdir(parents=True, exist_ok=True)
    return RunTracker(LOOP, RunDir(path), validate, lambda step: 1e-2)


def make_sgd(weight_decay=0.01):
    return make_optimizer("sgd", 1e-2, weight_decay)


@functools.cache
def make_population_step():
    """The compiled step of two members that differ in their seed."""
    networks = [make_network(seed) for seed in (0, 1)]
    train_step = make_vmapped_train_step(networks[0], TASK, make_sgd, build_augmentation({}))
    hparams = HParams(
        seed=jnp.arange(2, dtype=jnp.uint32),
        learning_rate=jnp.ones(2),
        weight_decay=jnp.full(2, 0.01),
        label_smoothing=jnp.zeros(2),
        rng_state=tree_stack([network.rng_state for network in networks]),
    )
    return jax.jit(lambda state, batch: train_step(state, batch, hparams))


def get_joined(step):
    return join_batches(step, (0, 1))


def run_population(path, get_batch=get_joined, train_step=None):
    """Trains two members in path/seed0 and path/seed1."""
    states = [init_train_state(make_network(seed), make_sgd(), ema=False) for seed in (0, 1)]
    trackers = [make_tracker(path / f"seed{seed}", seed) for seed in (0, 1)]
    return fit_population(
        states, train_step or make_population_step(), BatchReader(get_batch), trackers
    )


@functools.cache
def make_single_step(seed):
    train_step = make_train_step(
        make_network(seed), TASK, make_sgd(), build_augmentation({}), seed=seed
    )
    return jax.jit(train_step)


def run_alone(path, seed):
    state = init_train_state(make_network(seed), make_sgd(), ema=False)
    get_batch = BatchReader(functools.partial(make_batch, seed))
    return fit(state, make_single_step(seed), get_batch, make_tracker(path, seed))


def read_rows(path):
    """Log rows without speeds."""
    return [
        [value for name, value in row.items() if name not in ("images_per_second", "data_wait")]
        for row in RunDir(path).rows()
    ]


def assert_rows_close(path, expected_path):
    for row, expected in zip(read_rows(path), read_rows(expected_path), strict=True):
        assert row[:3] == expected[:3]
        np.testing.assert_allclose(row[3:], expected[3:], rtol=1e-3, atol=1e-6)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The directory and the results of an uninterrupted population."""
    path = tmp_path_factory.mktemp("population")
    with jax.numpy_dtype_promotion("standard"):
        return path, run_population(path)


def test_every_member_leaves_the_directory_of_a_single_run(whole, tmp_path):
    path, results = whole
    for seed, (best, progress) in enumerate(results):
        expected, expected_progress = run_alone(tmp_path / f"seed{seed}", seed)
        assert_rows_close(path / f"seed{seed}", tmp_path / f"seed{seed}")
        assert progress.steps == expected_progress.steps
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), best, expected)


def test_interrupted_members_are_resumed_in_a_population_or_alone(whole, tmp_path):
    def interrupt(step):
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return get_joined(step)

    with pytest.raises(InterruptedRun):
        run_population(tmp_path / "cut", interrupt)
    assert [len(read_rows(tmp_path / "cut" / f"seed{seed}")) for seed in (0, 1)] == [2, 2]
    shutil.copytree(tmp_path / "cut", tmp_path / "resumed")
    run_population(tmp_path / "resumed")
    path, _ = whole
    for seed in (0, 1):
        resumed = read_rows(tmp_path / "resumed" / f"seed{seed}")
        assert resumed == read_rows(path / f"seed{seed}")
    run_alone(tmp_path / "cut" / "seed1", 1)
    assert_rows_close(tmp_path / "cut" / "seed1", path / "seed1")


def test_a_member_whose_loss_is_not_finite_does_not_stop_the_others(whole, tmp_path):
    def diverge(states, batch):
        states, metrics = make_population_step()(states, batch)
        return states, [{**metrics[0], "loss": jnp.float32(float("inf"))}, metrics[1]]

    error, (_, progress) = run_population(tmp_path, train_step=diverge)
    assert isinstance(error, UserError)
    assert "step 4 " in str(error)
    assert progress.step == 12
    path, _ = whole
    assert read_rows(tmp_path / "seed1") == read_rows(path / "seed1")
