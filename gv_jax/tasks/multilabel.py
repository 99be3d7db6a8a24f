"""Several labels for a picture, or none: every label is a question of its own."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from gv_jax.image.standardize import standardize
from gv_jax.training.losses import Loss, sigmoid_loss

POSITIVE = 0.5  # a target of so much counts as a label, where mixup or cutmix made shares


@dataclass(frozen=True)
class MultiLabel:
    """Each of `classes` labels for itself: yes or no; sigmoid cross-entropy. Labels float32 [n k], 1 for yes.

    `mean` and `std`: one number per channel, or one for all, in units of [0, 1] pictures. `loss`: what "loss" is in
    the scores, logits and targets [n k] -> [n].
    """

    classes: int
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)
    loss: Loss = sigmoid_loss
    monitor: tuple[str, str] = ("ranking_precision", "max")

    def unpack(self, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return batch["image"].astype(jnp.float32) / 255.0, batch["label"]  # [n h w c], [n k]

    def encode(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return standardize(images, self.mean, self.std), targets

    def scores(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        return {
            "loss": self.loss(outputs, targets),
            "ranking_precision": label_ranking_average_precision(outputs, targets),
        }

    def record(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """The logits [n k]."""
        return outputs


def label_ranking_average_precision(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """How far up a picture's own labels stand when all are ordered by `outputs`: [n k], [n k] -> [n] in (0, 1].

    For each of its labels the share of its labels among those that stand as high or higher, then the mean over its
    labels; 1 for a picture without any. The mean over pictures is scikit-learn's
    `label_ranking_average_precision_score`.
    """
    own = (targets >= POSITIVE).astype(jnp.float32)
    above = (outputs[:, None, :] >= outputs[:, :, None]).astype(jnp.float32)  # [n label other]
    shares = (above * own[:, None, :]).sum(-1) / above.sum(-1)
    count = own.sum(-1)
    return jnp.where(count > 0, (own * shares).sum(-1) / jnp.maximum(count, 1.0), 1.0)
