"""A network and all that its training and evaluation need, built from a configuration and compiled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optax
from jax.sharding import Mesh

from gv_jax import distributed
from gv_jax.data.augment.tta import Transform
from gv_jax.data.dataset import Dataset
from gv_jax.data.sampling import Sampler, batch_indices
from gv_jax.evaluation.loop import mean_metrics
from gv_jax.models.stages import classifier_path, count_params_under
from gv_jax.models.summary import count_params
from gv_jax.settings import (
    DTYPES,
    Config,
    build_model,
    make_augmentation,
    make_finetune,
    make_loop_config,
    make_optimizer,
    make_sampler,
    make_task,
    make_train_task,
    make_tta,
    num_outputs,
)
from gv_jax.training.finetune import FinetuneSpec
from gv_jax.training.fit import LoopConfig
from gv_jax.training.step import (
    Augmentation,
    SplitModule,
    TrainState,
    init_train_state,
    make_eval_step,
    make_feature_maps,
    make_predict,
)
from gv_jax.training.task import Task


@dataclass(frozen=True)
class TrainSetup:
    """A network with its first weights, and how it is to learn."""

    network: SplitModule
    state: TrainState
    transform: optax.GradientTransformation
    schedule: Callable[[int], Any]
    augment: Augmentation
    parameters: dict[str, int]
    tuning: FinetuneSpec
    head: str  # of a probe: the path of the last layer


@dataclass(frozen=True)
class Runtime:
    """What learners of one kind share: task, plan, the pictures on the devices, and compiled evaluation.

    trained: the task with the loss of training. order: which pictures a pass takes.
    """

    task: Task
    trained: Task
    order: Sampler
    plan: LoopConfig
    mesh: Mesh
    feeds: dict[str, Callable[[np.ndarray], Any]]
    train_size: int
    examine: Callable[..., Any]
    validate: Callable[[TrainState], dict[str, float]] | None
    answer: Callable[..., Any]
    maps: Callable[..., Any]

    def batches(self, *seeds: int) -> Callable[[int], Any]:
        """From a step to its batch; with several seeds to their batches, one after the other."""

        def batch_at(step: int) -> Any:
            rows = [
                batch_indices(seed, step, self.train_size, self.plan.batch_size, self.order)
                for seed in seeds
            ]
            return self.feeds["train"](np.concatenate(rows))

        return batch_at


def setup(config: Config, pictures: Dataset) -> tuple[TrainSetup, Runtime]:
    """Builds all that training and evaluation need; evaluation is compiled."""
    distributed.enable_compilation_cache(Path(config.data.root) / "compiled")
    mesh = distributed.data_mesh()
    distributed.check_batch_size(config.train.batch_size, mesh)
    task = make_task(config, len(pictures.classes), pictures.splits["train"].images)
    plan = make_loop_config(
        config, len(pictures.splits["train"].labels), task, "valid" in pictures.splits
    )
    learner = init_train_setup(config, pictures, task, plan, mesh)
    feeds = {
        name: distributed.make_batch_fn(
            {"image": split.images, "label": split.labels},
            mesh,
            config.train.device_cache_mb * 2**20,
        )
        for name, split in pictures.splits.items()
    }
    labels = np.asarray(pictures.splits["train"].labels)
    batch_size, dtype = config.train.batch_size, DTYPES[config.model.dtype]

    def examining(views: Sequence[Transform]) -> Callable[..., Any]:
        examine, first = (
            make_eval_step(learner.network, task, views=views, dtype=dtype),
            np.zeros(batch_size, np.int32),
        )
        return distributed.aot_compile(examine, mesh, *learner.state.weights, feeds["train"](first))

    plain = examining(())

    def validate(state: TrainState) -> dict[str, float]:
        size, batches = len(pictures.splits["valid"].labels), config.train.valid_batches
        return mean_metrics(plain, state.weights, feeds["valid"], size, batch_size, batches)

    seen = make_tta(config)
    return learner, Runtime(
        task=task,
        trained=make_train_task(config, task, labels),
        order=make_sampler(config, labels),
        plan=plan,
        mesh=mesh,
        feeds=feeds,
        train_size=len(labels),
        examine=examining(seen) if len(seen) > 1 else plain,
        validate=validate if "valid" in pictures.splits else None,
        answer=make_predict(learner.network, dtype=dtype),
        maps=make_feature_maps(learner.network, task),
    )


def init_train_setup(
    config: Config, pictures: Dataset, task: Task, plan: LoopConfig, mesh: Mesh
) -> TrainSetup:
    """The network of `config` before its first step, on the devices."""
    outputs = num_outputs(config, len(pictures.classes), task)
    model = build_model(config, outputs, pictures.splits["train"].images.shape[1:3])
    tuning = make_finetune(config, model, plan)
    network = SplitModule.of(model, tuning.held, config.finetune.freeze_bn)
    total, trainable = count_params(model)
    transform, schedule = make_optimizer(config.optimizer, plan, tuning=tuning)
    return TrainSetup(
        network=network,
        state=distributed.replicate(
            init_train_state(network, transform, average=config.train.ema > 0), mesh
        ),
        transform=transform,
        schedule=schedule,
        augment=make_augmentation(config),
        parameters={
            "total": total,
            "trainable": trainable - count_params_under(network.params, tuning.frozen),
        },
        tuning=tuning,
        head=classifier_path(model, config.model.name) if config.probe.method else "",
    )
