"""What the training step, the loop and checkpoints need of a task; tasks implement it."""

from typing import Any, Protocol

import jax

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

    def encode(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, Any]:
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
