"""What a network is trained for. The step, the loop, checkpoints and reports know no task by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax

from gv_jax.data.fidelity import decibels, mse, ssim
from gv_jax.data.normalisation import normalised
from gv_jax.data.resample import doubled, halved, in_8_bits
from gv_jax.errors import UserError
from gv_jax.training.colorization import Colorization
from gv_jax.training.losses import Loss
from gv_jax.training.multi_label import MultiLabel

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

    def encode(self, key: jax.Array, images: jax.Array, targets: jax.Array) -> tuple[jax.Array, Any]:
        """Pictures in [0, 1] and targets -> what the network is given and what it should answer.

        `key`: another at every step of training, always the same in evaluation.
        """
        ...

    def scores(self, outputs: jax.Array, targets: Any) -> dict[str, jax.Array]:
        """Every sample's own "loss" and other scores, each [n]: what is logged."""
        ...

    def record(self, outputs: jax.Array, targets: Any) -> Any:
        """What the assessment of a finished run needs of every sample: arrays [n ...], of a whole split in memory."""
        ...


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

    def encode(self, key: jax.Array, images: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
        return normalised(images, self.mean, self.std), targets

    def scores(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        correct = outputs.argmax(-1) == targets.argmax(-1)
        return {
            "loss": self.loss(outputs, targets),
            "accuracy": correct.astype(jnp.float32),
        }

    def record(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """The logits [n k]."""
        return outputs


@dataclass(frozen=True)
class SuperResolution:
    """Pictures at twice their size: told a picture that was halved, the network should answer the original.

    Halved is antialiased bicubic, in 8 bits; it is done to what augmentation made of the original, so that both are
    changed alike. Loss: the mean absolute difference, of pictures in [0, 1]. Scores are of answers in 8 bits.
    """

    monitor: tuple[str, str] = ("psnr", "max")

    def unpack(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w c]
        return images, jnp.zeros((len(images), 0))  # no labels: the target is the picture itself

    def encode(self, key: jax.Array, images: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
        _, h, w, _ = images.shape
        if h % 2 or w % 2:
            raise UserError(
                f"pictures of {h}x{w} cannot be halved: choose even sides with --config.data.size=(HEIGHT,WIDTH) "
                "and --config.train.crop"
            )
        return halved(images), images

    def scores(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        return {
            "loss": jnp.abs(outputs - targets).mean((1, 2, 3)),
            "psnr": decibels(mse(in_8_bits(outputs), targets)),
        }

    def record(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        """Loss and likeness of every answer, and of the bicubic enlargement that it is measured against, each [n]."""
        record = {}
        for name, pictures in (("", outputs), ("baseline_", doubled(halved(targets)))):
            shown = in_8_bits(pictures)
            error = mse(shown, targets)
            found = {"mse": error, "psnr": decibels(error), "ssim": ssim(shown, targets)}
            found["loss"] = jnp.abs(pictures - targets).mean((1, 2, 3))
            record |= {name + key: value for key, value in found.items()}
        return record


TASKS: dict[str, Callable[..., Task]] = {
    "classification": Classification,
    "multi_label": MultiLabel,
    "super_resolution": SuperResolution,
    "colorization": Colorization,
}
