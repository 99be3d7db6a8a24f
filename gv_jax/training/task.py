"""What the training step, the loop and checkpoints need of a task; tasks implement it."""

from typing import Any, Protocol

import jax

Batch = dict[str, jax.Array]


class Task(Protocol):
    """Pure functions from a raw batch to network inputs, and from outputs to metrics."""

    @property
    def monitor(self) -> tuple[str, str]:
        """The metric that selects the best checkpoint, and "max" or "min"."""
        ...

    def prepare_batch(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """uint8 images and labels -> float32 images in [0, 1] and targets, for augmentation."""
        ...

    def make_inputs(self, key: jax.Array, images: jax.Array, targets: jax.Array) -> tuple[Any, Any]:
        """Images in [0, 1] and targets -> network inputs and final targets.

        Inputs are images [n h w c], or a NamedTuple of images and numbers of each [n].

        Args:
            key: a new one at every training step; always the same in evaluation.
            images: float32 [n h w c].
            targets: as of `prepare_batch`, after augmentation.
        """
        ...

    def metrics(self, outputs: jax.Array, targets: Any) -> dict[str, jax.Array]:
        """The "loss" and other metrics of every sample, each [n]."""
        ...

    def eval_outputs(self, outputs: jax.Array, targets: Any) -> Any:
        """What the evaluation of a finished run needs of every sample: arrays [n ...]."""
        ...
