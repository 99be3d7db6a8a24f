"""Classification into the colors of a palette, which is fitted to the training images."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.image.color import rgb8_to_lab
from gv_jax.image.color_bins import annealed_mean
from gv_jax.image.palette import fit_palette
from gv_jax.tasks.color_heads.color_head import HeadSpec, Section

MIN_PRIOR_STD = 1.0  # units of L: lower bound of the standard deviation of the lightness prior
COLORS_PER_CHUNK = 4096  # colors compared with a palette at once


@dataclass(frozen=True)
class PaletteHead:
    """Predicts one of a few colors; cross-entropy against the nearest one in CIELAB.

    The prior of a color is a Gaussian of the difference between its L and the L of the input. The
    prediction is the annealed mean over the palette.

    Attributes:
        colors: The palette, uint8 [k 3], sRGB.
        prior_std: Standard deviation of the prior, in units of L.
        temperature: 1 predicts the mean, 0 the most likely color.
        channels: 2 to predict a and b and keep the L of the input, 3 to predict L too.
    """

    has_lightness: ClassVar[bool] = True

    colors: np.ndarray
    prior_std: float
    temperature: float
    channels: int

    @property
    def num_outputs(self) -> int:
        return len(self.colors)

    @property
    def lab(self) -> np.ndarray:
        """The palette in CIELAB, float32 [k 3]."""
        return rgb8_to_lab(self.colors)

    @classmethod
    def max_outputs(cls, section: Section) -> int:
        return section.palette_size

    @classmethod
    def fit(cls, spec: HeadSpec) -> "PaletteHead":
        """Fits palette and prior.

        `prior_std` combines the error of the input's L with the distance in L between a pixel's
        color and its nearest palette color.
        """
        colors = fit_palette(spec.histogram, spec.palette_size)
        palette_lab, true_lab = rgb8_to_lab(colors), rgb8_to_lab(spec.histogram.colors)
        errors = np.zeros(len(true_lab))
        for start in range(0, len(true_lab), COLORS_PER_CHUNK):
            rows = true_lab[start : start + COLORS_PER_CHUNK]
            nearest = np.square(rows[:, None] - palette_lab).sum(-1).argmin(1)
            errors[start : start + COLORS_PER_CHUNK] = rows[:, 0] - palette_lab[nearest, 0]
        variance = np.average(np.square(errors), weights=spec.histogram.counts)
        std = float(np.sqrt(spec.lightness_rmse**2 + variance))
        return cls(colors, max(std, MIN_PRIOR_STD), spec.temperature, spec.channels)

    @classmethod
    def from_json(cls, state: Any, channels: int, temperature: float) -> "PaletteHead":
        colors = np.array([list(bytes.fromhex(code[1:])) for code in state["palette"]], np.uint8)
        return cls(colors, state["prior_std"], temperature, channels)

    def to_json(self) -> dict[str, Any]:
        colors = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in self.colors]
        return {"palette": colors, "prior_std": self.prior_std}

    def add_prior(self, outputs: jax.Array, lightness: jax.Array) -> jax.Array:
        palette_lightness = jnp.asarray(self.lab[:, 0]).reshape(1, 1, 1, -1)
        z = (lightness - palette_lightness) / self.prior_std
        return outputs - z * z / 2

    def loss(self, outputs: jax.Array, lab: jax.Array) -> jax.Array:
        palette = jnp.asarray(self.lab)
        squares = jnp.square(palette).sum(-1).reshape(1, 1, 1, -1)
        products = jnp.matmul(lab, palette.T, precision=jax.lax.Precision.HIGHEST)
        nearest = (squares - 2 * products).argmin(-1)  # [n h w]
        target = nearest[..., None] == jnp.arange(self.num_outputs).reshape(1, 1, 1, -1)
        return -jnp.where(target, jax.nn.log_softmax(outputs), 0).sum(-1).mean((1, 2))

    def decode(self, outputs: jax.Array) -> jax.Array:
        colors = jnp.asarray(self.lab[:, -self.channels :])
        return annealed_mean(outputs, colors, self.temperature)
