"""A network with its initial state, and how it is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flax import nnx
from jax.sharding import Mesh
from optax import GradientTransformation

from gv_jax import distributed
from gv_jax.data.augment.augmentations import Augmentation, build_augmentation
from gv_jax.models.stages import classifier_path, count_params_under
from gv_jax.models.summary import count_params
from gv_jax.training.finetune import FinetuneSpec
from gv_jax.training.fit import LoopConfig
from gv_jax.training.optimizer import build_optimizer
from gv_jax.training.sharded_module import ShardedModule, init_placed_state
from gv_jax.training.step import SplitModule, TrainState


@dataclass(frozen=True)
class TrainSetup:
    """What one run trains, before its first step.

    Attributes:
        schedule: step -> learning rate.
        num_params: "total" and "trainable".
        state_bytes: of `state` on each device.
        classifier: dotted path of the classifier layer, for a linear probe; else "".
    """

    network: SplitModule
    state: TrainState
    optimizer: GradientTransformation
    schedule: Callable[[int], Any]
    augment: Augmentation
    finetune: FinetuneSpec
    num_params: dict[str, int]
    state_bytes: int
    classifier: str


def init_train_setup(
    model: nnx.Module,
    name: str,
    loop: LoopConfig,
    mesh: Mesh,
    *,
    optimizer: Mapping[str, Any],
    finetune: Mapping[str, Any],
    augment: Mapping[str, Any],
    ema: bool,
    probe: bool,
    shard_state: bool = False,
) -> TrainSetup:
    """Splits `model` into arrays, initializes the optimizer and puts all on the devices.

    Args:
        model: with its initial weights.
        name: of the model in MODELS, for error messages.
        loop: lengths of the training.
        mesh: the devices.
        optimizer: the section of the configuration.
        finetune: the section of the configuration.
        augment: the section of the configuration.
        ema: whether the state holds an exponential moving average of the weights.
        probe: whether only the classifier layer is fitted.
        shard_state: whether large arrays of the state are sharded over the devices.
    """
    spec = FinetuneSpec.from_section(
        finetune,
        model,
        name,
        probe=probe,
        learning_rate=optimizer["learning_rate"],
        grad_accum_steps=optimizer["grad_accum_steps"],
        total_steps=loop.steps,
        steps_per_epoch=loop.steps_per_epoch,
    )
    network = SplitModule.from_module(model, spec.frozen, finetune["freeze_bn"])
    transform, schedule = build_optimizer(
        **optimizer,
        total_steps=loop.steps,
        steps_per_epoch=loop.steps_per_epoch,
        finetune=spec,
    )
    if shard_state:
        network = ShardedModule.from_split(network, mesh)
    state = init_placed_state(network, transform, mesh, ema=ema, sharded=shard_state)
    total, trainable = count_params(model)
    frozen = count_params_under(network.params, spec.never_trained)
    return TrainSetup(
        network=network,
        state=state,
        optimizer=transform,
        schedule=schedule,
        augment=build_augmentation(augment),
        finetune=spec,
        num_params={"total": total, "trainable": trainable - frozen},
        state_bytes=distributed.count_device_bytes(state, distributed.shardings_of(state)),
        classifier=classifier_path(model, name) if probe else "",
    )
