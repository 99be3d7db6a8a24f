"""One class for every image."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax

from gv_jax.image.standardize import standardize
from gv_jax.training.losses import Loss
from gv_jax.training.task import Batch


@dataclass(frozen=True)
class Classification:
    """One of `classes` for every picture; softmax cross-entropy.

    `mean` and `std`: one number per channel, or one for all, in units of [0, 1] pictures. `loss`: what "loss" is in
    the scores, logits and targets [n k] -> [n].
    """

    classes: int
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)
    loss: Loss = optax.softmax_cross_entropy
    monitor: tuple[str, str] = ("accuracy", "max")

    def unpack(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w c]
        return images, jax.nn.one_hot(batch["label"], self.classes)  # [n k]

    def encode(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return standardize(images, self.mean, self.std), targets

    def scores(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        correct = outputs.argmax(-1) == targets.argmax(-1)
        return {
            "loss": self.loss(outputs, targets),
            "accuracy": correct.astype(jnp.float32),
        }

    def record(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """The logits [n k]."""
        return outputs
