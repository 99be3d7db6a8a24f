"""The protocol of a color head, and what a head is fitted to."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import jax

from gv_jax.image.palette import ColorHistogram

Section = Any  # config.color_head, whose fields are known at run time only


@dataclass(frozen=True)
class HeadSpec:
    """What a head is fitted to.

    Attributes:
        histogram: Colors of the training images.
        lightness_rmse: Root mean square difference between the L of the (degraded) gray input and
            the true L.
        channels: 2 to predict a and b, 3 to predict L too.
        palette_size: Maximum number of palette colors.
        temperature: Of the annealed mean.
        rebalance_lambda: Weight of the uniform distribution in the rebalancing of bins.
    """

    histogram: ColorHistogram
    lightness_rmse: float
    channels: int
    palette_size: int
    temperature: float
    rebalance_lambda: float


class ColorHead(Protocol):
    """The meaning of the outputs for every pixel."""

    has_lightness: ClassVar[bool]  # whether `channels` can be 3

    @property
    def num_outputs(self) -> int:
        """Outputs per pixel."""
        ...

    @property
    def channels(self) -> int:
        """Channels of the decoded color: 2 for a and b, 3 for L, a and b."""
        ...

    @classmethod
    def max_outputs(cls, section: Section) -> int:
        """Upper bound of `num_outputs` for the section config.color_head."""
        ...

    @classmethod
    def fit(cls, spec: HeadSpec) -> Self:
        """The head for the training images."""
        ...

    @classmethod
    def from_json(cls, state: Any, channels: int, temperature: float) -> Self:
        """The head of a finished run, from what `to_json` returned."""
        ...

    def to_json(self) -> Any:
        """What was fitted to the training images, for a JSON file; None if nothing was."""
        ...

    def add_prior(self, outputs: jax.Array, lightness: jax.Array) -> jax.Array:
        """Adds the prior log p(color given L) to the logits.

        `loss` and `decode` expect outputs with the prior added.

        Args:
            outputs: Network outputs [n h w k].
            lightness: L of the gray input [n h w 1].
        """
        ...

    def loss(self, outputs: jax.Array, lab: jax.Array) -> jax.Array:
        """The loss of each image [n], given the true colors [n h w 3]."""
        ...

    def decode(self, outputs: jax.Array) -> jax.Array:
        """The predicted colors [n h w channels]."""
        ...
