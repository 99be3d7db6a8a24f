"""A network and all that its training and evaluation need, built from a configuration and compiled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optax
from jax.sharding import Mesh

from gv_jax.data.batches import Order, indices
from gv_jax.data.dataset import Dataset
from gv_jax.data.views import View
from gv_jax.evaluation.evaluate import mean_scores
from gv_jax.models.summary import counts
from gv_jax.models.transfer import last_layer, size
from gv_jax.settings import (
    DTYPES,
    Config,
    make_augmentation,
    make_optimizer,
    make_order,
    make_outputs,
    make_plan,
    make_task,
    make_training_task,
    make_tuning,
    make_views,
    open_model,
)
from gv_jax.training import devices
from gv_jax.training.fit import Plan
from gv_jax.training.step import Augmentation, Network, State, make_answer, make_examine, make_maps, start
from gv_jax.training.tasks import Task
from gv_jax.training.tiers import Tuning


@dataclass(frozen=True)
class Learner:
    """A network with its first weights, and how it is to learn."""

    network: Network
    state: State
    transform: optax.GradientTransformation
    schedule: Callable[[int], Any]
    augment: Augmentation
    parameters: dict[str, int]
    tuning: Tuning
    head: str  # of a probe: the path of the last layer


@dataclass(frozen=True)
class Machine:
    """What learners of one kind share: task, plan, the pictures on the devices, and compiled evaluation.

    trained: the task with the loss of training. order: which pictures a pass takes.
    """

    task: Task
    trained: Task
    order: Order
    plan: Plan
    mesh: Mesh
    feeds: dict[str, Callable[[np.ndarray], Any]]
    train_size: int
    examine: Callable[..., Any]
    validate: Callable[[State], dict[str, float]] | None
    answer: Callable[..., Any]
    maps: Callable[..., Any]

    def batches(self, *seeds: int) -> Callable[[int], Any]:
        """From a step to its batch; with several seeds to their batches, one after the other."""

        def batch_at(step: int) -> Any:
            rows = [indices(seed, step, self.train_size, self.plan.batch_size, self.order) for seed in seeds]
            return self.feeds["train"](np.concatenate(rows))

        return batch_at


def assemble(config: Config, pictures: Dataset) -> tuple[Learner, Machine]:
    """Builds all that training and evaluation need; evaluation is compiled."""
    devices.keep_compiled(Path(config.data.root) / "compiled")
    mesh = devices.data_mesh()
    devices.check_batch(config.train.batch_size, mesh)
    task = make_task(config, len(pictures.classes), pictures.splits["train"].images)
    plan = make_plan(config, len(pictures.splits["train"].labels), task, "valid" in pictures.splits)
    learner = begin(config, pictures, task, plan, mesh)
    feeds = {
        name: devices.feed(
            {"image": split.images, "label": split.labels}, mesh, config.train.resident_megabytes * 2**20
        )
        for name, split in pictures.splits.items()
    }
    labels = np.asarray(pictures.splits["train"].labels)
    batch_size, dtype = config.train.batch_size, DTYPES[config.model.dtype]

    def examining(views: Sequence[View]) -> Callable[..., Any]:
        examine, first = make_examine(learner.network, task, views=views, dtype=dtype), np.zeros(batch_size, np.int32)
        return devices.compiled(examine, mesh, *learner.state.weights, feeds["train"](first))

    plain = examining(())

    def validate(state: State) -> dict[str, float]:
        size, batches = len(pictures.splits["valid"].labels), config.train.valid_batches
        return mean_scores(plain, state.weights, feeds["valid"], size, batch_size, batches)

    seen = make_views(config)
    return learner, Machine(
        task=task,
        trained=make_training_task(config, task, labels),
        order=make_order(config, labels),
        plan=plan,
        mesh=mesh,
        feeds=feeds,
        train_size=len(labels),
        examine=examining(seen) if len(seen) > 1 else plain,
        validate=validate if "valid" in pictures.splits else None,
        answer=make_answer(learner.network, dtype=dtype),
        maps=make_maps(learner.network, task),
    )


def begin(config: Config, pictures: Dataset, task: Task, plan: Plan, mesh: Mesh) -> Learner:
    """The network of `config` before its first step, on the devices."""
    outputs = make_outputs(config, len(pictures.classes), task)
    model = open_model(config, outputs, pictures.splits["train"].images.shape[1:3])
    tuning = make_tuning(config, model, plan)
    network = Network.of(model, tuning.held, config.finetune.fixed_statistics)
    total, trainable = counts(model)
    transform, schedule = make_optimizer(config.optimizer, plan, tuning=tuning)
    return Learner(
        network=network,
        state=devices.replicate(start(network, transform, average=config.train.ema > 0), mesh),
        transform=transform,
        schedule=schedule,
        augment=make_augmentation(config),
        parameters={"total": total, "trainable": trainable - size(network.params, tuning.frozen)},
        tuning=tuning,
        head=last_layer(model, config.model.name) if config.probe.method else "",
    )
