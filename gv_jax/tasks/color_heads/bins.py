"""Classification into bins of a and b."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.image import color_bins
from gv_jax.image.color import rgb8_to_lab
from gv_jax.tasks.color_heads.color_head import HeadSpec, Section


@dataclass(frozen=True)
class BinsHead:
    """Predicts one of the bins of a and b of Zhang et al. 2016, "Colorful image colorization".

    The target of a pixel is distributed over its five nearest bins. The loss is the cross-entropy,
    weighted by the rarity of the nearest bin; the prediction is the annealed mean.

    Attributes:
        bins: Indices of the bins that occur in the training images, int [k].
        weights: Loss weight of a pixel by its nearest bin, float32 [k].
        temperature: 1 predicts the mean, 0 the most likely bin.
        channels: 2; bins have no L.
    """

    has_lightness: ClassVar[bool] = False

    bins: np.ndarray
    weights: np.ndarray
    temperature: float
    channels: int = 2

    @property
    def num_outputs(self) -> int:
        return len(self.bins)

    @classmethod
    def max_outputs(cls, section: Section) -> int:
        return len(color_bins.bin_centers())

    @classmethod
    def fit(cls, spec: HeadSpec) -> "BinsHead":
        with jax.ensure_compile_time_eval():
            ab = jnp.asarray(rgb8_to_lab(spec.histogram.colors)[:, 1:])
            nearest, fractions = map(np.asarray, color_bins.encode_bins(ab))  # [m 5]
        num_bins = len(color_bins.bin_centers())
        bins = np.flatnonzero(np.bincount(nearest.ravel(), fractions.ravel() > 0, num_bins))
        counts = np.bincount(nearest[:, 0], spec.histogram.counts, num_bins)
        prior = color_bins.bin_prior(counts)
        weights = color_bins.rebalancing_weights(prior, spec.rebalance_lambda)
        return cls(bins, weights[bins], spec.temperature)

    @classmethod
    def from_json(cls, state: Any, channels: int, temperature: float) -> "BinsHead":
        bins = np.array(state["bins"])
        return cls(bins, np.ones(len(bins), np.float32), temperature)  # for inference: no loss

    def to_json(self) -> dict[str, Any]:
        return {"bins": self.bins.tolist()}

    def add_prior(self, outputs: jax.Array, lightness: jax.Array) -> jax.Array:
        return outputs

    def loss(self, outputs: jax.Array, lab: jax.Array) -> jax.Array:
        nearest, fractions = color_bins.encode_bins(lab[..., 1:])  # [n h w 5]
        log_p = jax.nn.log_softmax(outputs)
        bins = jnp.asarray(self.bins).reshape(1, 1, 1, -1)
        entropy = sum(
            jnp.where(nearest[..., i, None] == bins, -log_p, 0).sum(-1) * fractions[..., i]
            for i in range(color_bins.NUM_NEAREST)
        )
        weights = np.ones(len(color_bins.bin_centers()), np.float32)
        weights[self.bins] = self.weights
        return (entropy * jnp.asarray(weights)[nearest[..., 0]]).mean((1, 2))

    def decode(self, outputs: jax.Array) -> jax.Array:
        colors = jnp.asarray(color_bins.bin_centers()[self.bins])
        return color_bins.annealed_mean(outputs, colors, self.temperature)
