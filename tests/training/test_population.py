"""Members of a population are the runs that they would be by themselves."""

import os
import shutil
import signal
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gv_jax.data.augment import augmentations as augmentation
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

STEPS, BATCH = 3, 8
MEMBERS = (
    {
        "seed": 0,
        "learning_rate": 1e-2,
        "weight_decay": 0.01,
        "dropout": 0.5,
        "label_smoothing": 0.1,
    },
    {
        "seed": 1,
        "learning_rate": 1e-2,
        "weight_decay": 0.01,
        "dropout": 0.5,
        "label_smoothing": 0.1,
    },
    {"seed": 2, "learning_rate": 3e-3, "weight_decay": 0.2, "dropout": 0.1, "label_smoothing": 0.3},
)
AUGMENT = {"flip": 0.5, "pad_crop": 2.0, "mixup": 0.4}


def transform(learning_rate, weight_decay, name):
    return build_optimizer(
        name=name,
        learning_rate=learning_rate,
        schedule="one_cycle",
        total_steps=10,
        warmup_steps=0,
        step_milestones=(),
        step_gamma=0.1,
        momentum=0.9,
        weight_decay=weight_decay,
        clip_norm=1.0,
        grad_accum_steps=1,
    )[0]


def network(numbers):
    model = build(
        "two_layer",
        inputs=3,
        classes=4,
        size=(8, 8),
        dropout=numbers["dropout"],
        rngs=nnx.Rngs(numbers["seed"]),
    )
    return SplitModule.of(model)


def batch(seed, step):
    draws = np.random.default_rng((seed, step))
    images = draws.integers(0, 256, (BATCH, 8, 8, 3), dtype=np.uint8)
    return {
        "image": jnp.asarray(images),
        "label": jnp.asarray(draws.integers(0, 4, BATCH, np.int32)),
    }


def joined(batches):
    """Batches one after the other."""
    return jax.tree.map(lambda *rows: jnp.concatenate(rows), *batches)


def test_members_train_as_they_would_alone():
    name = "adamw"
    task = Classification(4, (0.5,), (0.25,))
    alone = []
    for numbers in MEMBERS:
        net = network(numbers)
        adam = transform(numbers["learning_rate"], numbers["weight_decay"], name)
        augment = augmentation.build_augmentation(
            {**AUGMENT, "label_smoothing": numbers["label_smoothing"]}
        )
        update = jax.jit(
            make_train_step(net, task, adam, augment, seed=numbers["seed"], ema_decay=0.9)
        )
        state, losses = init_train_state(net, adam, average=True), []
        for step in range(STEPS):
            state, metrics = update(state, batch(numbers["seed"], step))
            losses.append(float(metrics["loss"]))
        alone.append((state, losses))

    networks = [network(numbers) for numbers in MEMBERS]
    first = MEMBERS[0]["learning_rate"]
    update = make_vmapped_train_step(
        networks[0],
        task,
        lambda decay: transform(first, decay, name),
        augmentation.build_augmentation(AUGMENT),
        ema_decay=0.9,
    )
    numbers = HParams(
        seed=jnp.asarray([numbers["seed"] for numbers in MEMBERS], jnp.uint32),
        learning_rate=jnp.asarray([numbers["learning_rate"] / first for numbers in MEMBERS]),
        weight_decay=jnp.asarray([numbers["weight_decay"] for numbers in MEMBERS]),
        label_smoothing=jnp.asarray([numbers["label_smoothing"] for numbers in MEMBERS]),
        noise=tree_stack([net.noise for net in networks]),
    )
    base = transform(first, 0.01, name)
    states = tree_stack([init_train_state(net, base, average=True) for net in networks])
    step_all = jax.jit(update)
    for step in range(STEPS):
        states, metrics = step_all(
            states, joined(batch(numbers["seed"], step) for numbers in MEMBERS), numbers
        )
        for number, (_, losses) in enumerate(alone):
            np.testing.assert_allclose(metrics[number]["loss"], losses[step], rtol=1e-4)
    for number, (state, _) in enumerate(alone):
        trained = tree_index(states, number)
        for one, other in zip(kernels(trained), kernels(state), strict=True):
            np.testing.assert_allclose(one, other, atol=2e-4)


def kernels(state):
    """Weights of more than one axis and their averages: the gradient of a bias before a normalisation is 0, of whose
    rounding errors Adam makes whole steps."""
    return [
        leaf for leaf in jax.tree.leaves((state.params, state.average["params"])) if leaf.ndim > 1
    ]


PLAN = LoopConfig(
    steps=12,
    steps_per_epoch=4,
    batch_size=BATCH,
    monitor=("accuracy", "max"),
    keep_best=True,
    patience=0,
    checkpoint_seconds=0.0,
)
TASK = Classification(4, (0.5,), (0.25,))


def population(path, batch_at=None):
    """Trains members that differ by their seed, in folders of their own."""
    networks = [network({**MEMBERS[0], "seed": seed}) for seed in (0, 1)]
    sgd = transform(1e-2, 0.01, "sgd")
    update = make_vmapped_train_step(
        networks[0],
        TASK,
        lambda decay: transform(1e-2, decay, "sgd"),
        augmentation.build_augmentation({}),
    )
    same = [jnp.full(2, value) for value in (1.0, 0.01, 0.0)]
    numbers = HParams(
        jnp.arange(2, dtype=jnp.uint32), *same, tree_stack([net.noise for net in networks])
    )
    states = [init_train_state(net, sgd, average=False) for net in networks]
    trainings = [training(path / f"seed{seed}", net) for seed, net in enumerate(networks)]
    every = batch_at or (lambda step: joined(batch(seed, step) for seed in (0, 1)))
    return fit_population(
        states, jax.jit(lambda state, batch: update(state, batch, numbers)), every, trainings
    )


def training(path, net):
    examine = jax.jit(make_eval_step(net, TASK))

    def validate(state):
        _, scores = examine(*state.weights, batch(99, 0))
        return {name: float(values.mean()) for name, values in scores.items()}

    path.mkdir(parents=True, exist_ok=True)
    return RunTracker(PLAN, RunDir(path), validate, lambda step: 1e-2)


def alone(path, seed):
    net = network({**MEMBERS[0], "seed": seed})
    sgd = transform(1e-2, 0.01, "sgd")
    update = jax.jit(
        make_train_step(net, TASK, sgd, augmentation.build_augmentation({}), seed=seed)
    )
    one = training(path, net)
    return fit(init_train_state(net, sgd, average=False), update, partial(batch, seed), one)


def rows(path):
    """What was logged, without speeds."""
    return [
        [value for name, value in row.items() if name != "images_per_second"]
        for row in RunDir(path).rows()
    ]


def close(one, other):
    for a, b in zip(rows(one), rows(other), strict=True):
        assert a[:3] == b[:3]
        np.testing.assert_allclose(a[3:], b[3:], rtol=1e-3, atol=1e-6)


def test_every_member_leaves_the_folder_of_an_ordinary_run(tmp_path):
    found = population(tmp_path)
    for seed, (best, progress) in enumerate(found):
        expected, single = alone(tmp_path / f"alone{seed}", seed)
        close(tmp_path / f"seed{seed}", tmp_path / f"alone{seed}")
        assert (progress.step, progress.best_step) == (single.step, single.best_step)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), best, expected)


def test_members_cut_off_go_on_together_or_alone(tmp_path):
    def cut(step):
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return joined(batch(seed, step) for seed in (0, 1))

    population(tmp_path / "whole")
    with pytest.raises(InterruptedRun):
        population(tmp_path / "cut", cut)
    assert [len(rows(tmp_path / "cut" / f"seed{seed}")) for seed in (0, 1)] == [2, 2]
    shutil.copytree(tmp_path / "cut", tmp_path / "together")
    population(tmp_path / "together")
    for seed in (0, 1):
        assert rows(tmp_path / "together" / f"seed{seed}") == rows(
            tmp_path / "whole" / f"seed{seed}"
        )
    alone(tmp_path / "cut" / "seed1", 1)
    close(tmp_path / "cut" / "seed1", tmp_path / "whole" / "seed1")
