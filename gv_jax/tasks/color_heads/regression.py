"""Regression of a and b, or of L, a and b."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from gv_jax.image.color_metrics import AB_SCALE
from gv_jax.tasks.color_heads.color_head import HeadSpec, Section


@dataclass(frozen=True)
class RegressionHead:
    """Predicts (L), a and b as 50 + 50 tanh(outputs) and 128 tanh(outputs).

    The loss is the mean squared error in units of 128.
    """

    has_lightness: ClassVar[bool] = True

    channels: int

    @property
    def num_outputs(self) -> int:
        return self.channels

    @classmethod
    def max_outputs(cls, section: Section) -> int:
        return 2 + section.predict_lightness

    @classmethod
    def fit(cls, spec: HeadSpec) -> "RegressionHead":
        return cls(spec.channels)

    @classmethod
    def from_json(cls, state: Any, channels: int, temperature: float) -> "RegressionHead":
        return cls(channels)

    def to_json(self) -> None:
        return None

    def add_prior(self, outputs: jax.Array, lightness: jax.Array) -> jax.Array:
        return outputs

    def loss(self, outputs: jax.Array, lab: jax.Array) -> jax.Array:
        errors = (self.decode(outputs) - lab[..., -self.channels :]) / AB_SCALE
        return jnp.square(errors).mean((1, 2, 3))

    def decode(self, outputs: jax.Array) -> jax.Array:
        lightness = 50 + 50 * jnp.tanh(outputs[..., :-2])
        return jnp.concatenate([lightness, AB_SCALE * jnp.tanh(outputs[..., -2:])], -1)
