"""How a colour is answered: as a and b, or as one of many colours.

A head makes a and b of CIELAB of a network's outputs [n h w outputs], or L as well, and tells how wrong these are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.image import color_bins
from gv_jax.image.color import rgb_to_lab
from gv_jax.image.color_metrics import AB_SCALE
from gv_jax.image.palette import ColorHistogram, fit_palette

MIN_LIGHTNESS_STD = 1.0  # units of L: how sure of a pixel's lightness one can be
COLORS_PER_CHUNK = 4096  # colours that are compared with a palette at once


class ColorHead(Protocol):
    """What outputs mean."""

    @property
    def outputs(self) -> int:
        """Numbers that a network answers for every pixel."""
        ...

    @property
    def channels(self) -> int:
        """Of `colours`."""
        ...

    @property
    def kept(self) -> Any:
        """What it has learned of training pictures, for a JSON file; None where that is nothing."""
        ...

    def weighed(self, outputs: jax.Array, light: jax.Array) -> jax.Array:
        """Outputs with what the L that was told [n h w 1] says by itself; the others take these."""
        ...

    def losses(self, outputs: jax.Array, lab: jax.Array) -> jax.Array:
        """How far outputs are from the true colours [n h w 3]: one number for each picture, [n]."""
        ...

    def colours(self, outputs: jax.Array) -> jax.Array:
        """a and b [n h w 2], or L, a and b [n h w 3] where the lightness is answered too."""
        ...


@dataclass(frozen=True)
class RegressionHead:
    """a and b themselves, as 128 tanh(outputs); loss: their mean squared difference, in units of 128.

    outputs: 2, or 3 with L before them, as 50 + 50 tanh; its difference counts in the same units.
    """

    outputs: int
    kept: None = None

    @property
    def channels(self) -> int:
        return self.outputs

    def weighed(self, outputs: jax.Array, light: jax.Array) -> jax.Array:
        return outputs

    def losses(self, outputs: jax.Array, lab: jax.Array) -> jax.Array:
        return jnp.square((self.colours(outputs) - lab[..., -self.outputs :]) / AB_SCALE).mean(
            (1, 2, 3)
        )

    def colours(self, outputs: jax.Array) -> jax.Array:
        ab = AB_SCALE * jnp.tanh(outputs[..., -2:])
        return jnp.concatenate([50 + 50 * jnp.tanh(outputs[..., :-2]), ab], -1)


@dataclass(frozen=True)
class PaletteHead:
    """One of few colours for every pixel; loss: cross-entropy to the one that is nearest in CIELAB.

    Colours are the likelier the nearer their L is to the one that was told: before the network says anything, as a
    Gaussian of the distance, of deviation `spread`. The answer is the mean over the palette, after the distribution
    was sharpened: `temperature` 1 is the plain mean, 0 the likeliest colour alone. Of it a and b are given, a pixel
    keeping its own lightness, or all three.

    entries: uint8 [k 3], sRGB. spread: units of L. channels: 2, or 3 with L.
    """

    entries: np.ndarray
    spread: float
    temperature: float
    channels: int

    @property
    def outputs(self) -> int:
        return len(self.entries)

    @property
    def kept(self) -> dict[str, Any]:
        entries = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in self.entries]
        return {"palette": entries, "spread": self.spread}

    @property
    def lab(self) -> np.ndarray:
        """float32 [k 3]"""
        return rgb8_to_lab(self.entries)

    def weighed(self, outputs: jax.Array, light: jax.Array) -> jax.Array:
        apart = (light - jnp.asarray(self.lab[:, 0]).reshape(1, 1, 1, -1)) / self.spread
        return outputs - apart * apart / 2

    def losses(self, outputs: jax.Array, lab: jax.Array) -> jax.Array:
        entries = jnp.asarray(self.lab)
        lengths = jnp.square(entries).sum(-1).reshape(1, 1, 1, -1)
        nearest = (
            lengths - 2 * jnp.matmul(lab, entries.T, precision=jax.lax.Precision.HIGHEST)
        ).argmin(-1)
        true = nearest[..., None] == jnp.arange(self.outputs).reshape(1, 1, 1, -1)
        return -jnp.where(true, jax.nn.log_softmax(outputs), 0).sum(-1).mean((1, 2))

    def colours(self, outputs: jax.Array) -> jax.Array:
        return annealed_mean_color(
            outputs, jnp.asarray(self.lab[:, -self.channels :]), self.temperature
        )


@dataclass(frozen=True)
class BinsHead:
    """Bins of a and b as in Zhang et al. 2016: each pixel's colour is spread over the five nearest of their grid, the
    loss is cross-entropy, weighted by how rare the nearest bin is, the answer the annealed mean.

    bins: int [k] of those that a training pixel is spread over; weights: float32 [k] of pixels by their nearest bin.
    """

    bins: np.ndarray
    weights: np.ndarray
    temperature: float
    channels: int = 2

    @property
    def outputs(self) -> int:
        return len(self.bins)

    @property
    def kept(self) -> dict[str, Any]:
        return {"bins": self.bins.tolist()}

    def weighed(self, outputs: jax.Array, light: jax.Array) -> jax.Array:
        return outputs

    def losses(self, outputs: jax.Array, lab: jax.Array) -> jax.Array:
        near, shares = color_bins.encode_bins(lab[..., 1:])  # [n h w 5]
        answered = jax.nn.log_softmax(outputs)
        bins = jnp.asarray(self.bins).reshape(1, 1, 1, -1)
        entropy = sum(
            jnp.where(near[..., place, None] == bins, -answered, 0).sum(-1) * shares[..., place]
            for place in range(color_bins.NUM_NEAREST)
        )
        by_bin = np.ones(len(color_bins.bin_centers()), np.float32)
        by_bin[self.bins] = self.weights
        return (entropy * jnp.asarray(by_bin)[near[..., 0]]).mean((1, 2))

    def colours(self, outputs: jax.Array) -> jax.Array:
        return annealed_mean_color(
            outputs, jnp.asarray(color_bins.bin_centers()[self.bins]), self.temperature
        )


def annealed_mean_color(outputs: jax.Array, colours: jax.Array, temperature: float) -> jax.Array:
    """The mean of `colours` [k c] after the distribution was sharpened; the likeliest one at 0.  # [n h w c]"""
    if not temperature:
        return colours[outputs.argmax(-1)]
    return jnp.matmul(
        jax.nn.softmax(outputs / temperature), colours, precision=jax.lax.Precision.HIGHEST
    )


def rgb8_to_lab(colours: np.ndarray) -> np.ndarray:
    """uint8 [k 3] as CIELAB, float32."""
    with jax.ensure_compile_time_eval():
        return np.asarray(rgb_to_lab(jnp.asarray(colours, jnp.float32) / 255))


@dataclass(frozen=True)
class HeadSpec:
    """What heads are made of. census: of the training pictures' colours. doubt: how far, in the quadratic mean, the L
    that is told is from the true one. channels: 2 for a and b, 3 with L. most: colours of a palette. uniform: lambda of
    the rebalancing of bins.
    """

    census: ColorHistogram
    doubt: float
    channels: int
    most: int
    temperature: float
    uniform: float


def fit_regression(told: HeadSpec) -> RegressionHead:
    return RegressionHead(told.channels)


def fit_palette_head(told: HeadSpec) -> PaletteHead:
    """`spread`: how far the L that is told is from that of the entry that stands for a pixel's colour."""
    entries, true = fit_palette(told.census, told.most), rgb8_to_lab(told.census.colours)
    lights = rgb8_to_lab(entries)
    missed = np.zeros(len(true))
    for start in range(0, len(true), COLORS_PER_CHUNK):
        rows = true[start : start + COLORS_PER_CHUNK]
        nearest = np.square(rows[:, None] - lights).sum(-1).argmin(1)
        missed[start : start + COLORS_PER_CHUNK] = rows[:, 0] - lights[nearest, 0]
    own = np.average(np.square(missed), weights=told.census.counts)
    return PaletteHead(
        entries,
        max(float(np.sqrt(told.doubt**2 + own)), MIN_LIGHTNESS_STD),
        told.temperature,
        told.channels,
    )


def fit_bins_head(told: HeadSpec) -> BinsHead:
    with jax.ensure_compile_time_eval():
        near, shares = (
            np.asarray(part)
            for part in color_bins.encode_bins(jnp.asarray(rgb8_to_lab(told.census.colours)[:, 1:]))
        )
    size = len(color_bins.bin_centers())
    used = np.flatnonzero(np.bincount(near.ravel(), shares.ravel() > 0, size))
    weights = color_bins.rebalancing_weights(
        color_bins.bin_prior(np.bincount(near[:, 0], told.census.counts, size)), told.uniform
    )
    return BinsHead(used, weights[used], told.temperature)


COLOR_HEADS: dict[str, Callable[[HeadSpec], ColorHead]] = {
    "mse": fit_regression,
    "bins": fit_bins_head,
    "palette": fit_palette_head,
}
WITHOUT_LIGHTNESS = ("bins",)


def head_from_json(name: str, kept: Any, channels: int, temperature: float) -> ColorHead:
    """The head of a finished run, of what it `kept`."""
    match name:
        case "palette":
            entries = np.array(
                [list(bytes.fromhex(colour[1:])) for colour in kept["palette"]], np.uint8
            )
            return PaletteHead(entries, kept["spread"], temperature, channels)
        case "bins":
            bins = np.array(kept["bins"])
            return BinsHead(bins, np.ones(len(bins), np.float32), temperature)
    return RegressionHead(channels)
