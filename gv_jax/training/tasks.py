"""What a network is trained for. The step, the loop, checkpoints and reports know no task by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import optax

Batch = dict[str, jax.Array]


class Task(Protocol):
    """Pure functions from a raw batch to what a network is told, and from its outputs to how good they are."""

    @property
    def monitor(self) -> tuple[str, str]:
        """The score that the best checkpoint is chosen by, and "max" or "min"."""
        ...

    def unpack(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """uint8 pictures and labels -> float32 pictures in [0, 1] and targets: what augmentation works on."""
        ...

    def encode(self, images: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Pictures in [0, 1] and targets -> what the network is given and what it should answer."""
        ...

    def scores(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        """Every sample's own "loss" and other scores, each [n]."""
        ...


@dataclass(frozen=True)
class Classification:
    """One of `classes` for every picture; softmax cross-entropy.

    `mean` and `std`: one number per channel, or one for all, in units of [0, 1] pictures.
    """

    classes: int
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)
    monitor: tuple[str, str] = ("accuracy", "max")

    def unpack(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w c]
        return images, jax.nn.one_hot(batch["label"], self.classes)  # [n k]

    def encode(self, images: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
        mean, std = (jnp.asarray(value, jnp.float32).reshape(1, 1, 1, -1) for value in (self.mean, self.std))
        return (images - mean) / std, targets

    def scores(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        correct = outputs.argmax(-1) == targets.argmax(-1)
        return {
            "loss": optax.softmax_cross_entropy(outputs, targets),
            "accuracy": correct.astype(jnp.float32),
        }


TASKS: dict[str, Callable[..., Task]] = {"classification": Classification}
