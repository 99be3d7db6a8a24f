"""Colouring grey pictures: told how light a pixel is, a network answers its colour."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.data.augment.degrade import Degradation
from gv_jax.data.sampling import padded_batches
from gv_jax.image import gray_baselines
from gv_jax.image.color import (
    gray_to_lightness,
    lab_to_rgb,
    lightness_to_gray,
    map_to_gamut,
    rgb_to_lab,
)
from gv_jax.image.color_metrics import AB_SCALE, color_metrics, flicker
from gv_jax.image.palette import ColorHistogram, color_histogram
from gv_jax.image.resample import quantize_8bit
from gv_jax.tasks.color_heads import ColorHead

IMAGES_PER_CHUNK = 32  # training pictures that are looked at together
MAX_PIXELS = 200_000_000  # pixels of them that colours are counted of

Batch = dict[str, jax.Array]
Targets = dict[
    str, jax.Array
]  # of pictures: "greys" as told [n h w 1] and "originals" [n h w 3], both in [0, 1]


@dataclass(frozen=True)
class Colorization:
    """RGB pictures that are made grey, and degraded, and should get their colours back.

    The lightness of a pixel stays as told, unless the head answers it too: then a picture of few shades gets its own
    back. floors: tables from a grey to L, a and b, name -> [256 3], that answers are measured against; of L they are
    used where the head answers it.
    """

    head: ColorHead
    degrade: Degradation
    floors: Mapping[str, np.ndarray] = field(default_factory=dict)
    monitor: tuple[str, str] = ("mse", "min")

    def unpack(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w 3]
        return images, jnp.zeros((len(images), 0))  # no labels: the target is the picture itself

    def encode(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, Targets]:
        """(`told`, targets) of pictures in [0, 1]."""
        greys = degraded_gray(key, self.degrade, images)
        return network_input(greys), {"greys": greys, "originals": images}

    def scores(self, outputs: jax.Array, targets: Targets) -> dict[str, jax.Array]:
        """mse: of a and b as answered, in units of 128."""
        lab = rgb_to_lab(targets["originals"])
        outputs = self.head.weighed(outputs, gray_to_lightness(targets["greys"]))
        wrong = (self.head.colours(outputs)[..., -2:] - lab[..., 1:]) / AB_SCALE
        return {"loss": self.head.losses(outputs, lab), "mse": jnp.square(wrong).mean((1, 2, 3))}

    def record(self, outputs: jax.Array, targets: Targets) -> dict[str, jax.Array]:
        """Loss and `likeness` of every answer, and of every floor's as "floor/measure", each [n].

        "change", "pixels" and "floor/change": what `flicker` finds between a picture and the next one of the batch;
        none after the last. The originals' own is "original/change".
        """
        greys, originals = targets["greys"], targets["originals"]
        true = rgb_to_lab(originals)
        record = {
            "loss": self.head.losses(self.head.weighed(outputs, gray_to_lightness(greys)), true)
        }
        answers = {"": self.answered(outputs, greys)}
        answers |= {f"{name}/": self.floor(name, greys) for name in self.floors}
        for name, lab in answers.items():
            found = color_metrics(lab[..., :1], lab[..., 1:], originals)
            record |= {name + measure: values for measure, values in found.items()}
        for name, lab in {**answers, "original/": true}.items():
            change, pixels = flicker(greys[:-1], greys[1:], lab[:-1, ..., 1:], lab[1:, ..., 1:])
            record[f"{name}change"] = jnp.pad(change, (0, 1))
            record["pixels"] = jnp.pad(pixels, (0, 1))
        return record

    def answered(self, outputs: jax.Array, greys: jax.Array) -> jax.Array:
        """L, a and b that outputs mean for greys [n h w 1] in [0, 1]."""
        return add_lightness(
            self.head.colours(self.head.weighed(outputs, gray_to_lightness(greys))), greys
        )

    def floor(self, name: str, greys: jax.Array) -> jax.Array:
        """L, a and b that a floor gives to greys [n h w 1] in [0, 1]."""
        table = self.floors[name][:, -self.head.channels :]
        return add_lightness(gray_baselines.apply_table(table, greys), greys)


def add_lightness(colours: jax.Array, greys: jax.Array) -> jax.Array:
    """L, a and b, L that of the greys [n h w 1] in [0, 1] unless `colours` [n h w 2 or 3] have their own."""
    return jnp.concatenate([gray_to_lightness(greys), colours], -1)[..., -3:]


def lab_to_display_rgb(lab: jax.Array) -> jax.Array:
    """L, a and b as a picture in [0, 1], in 8 bits; of colours that sRGB lacks the lightness and the hue are kept."""
    return quantize_8bit(lab_to_rgb(map_to_gamut(lab)))


def degraded_gray(key: jax.Array, degrade: Degradation, images: jax.Array) -> jax.Array:
    """Pictures [n h w 3] in [0, 1] without their colours, in 8 bits, then degraded.  # [n h w 1]"""
    return degrade(key, quantize_8bit(lightness_to_gray(rgb_to_lab(images)[..., :1])))


def network_input(greys: jax.Array) -> jax.Array:
    """What a network is told of greys in [0, 1]: their L, from -1 to 1."""
    return gray_to_lightness(greys) / 50 - 1


def learned(
    images: np.ndarray,
    degrade: Degradation,
    make_head: Callable[[ColorHistogram, float], ColorHead],
) -> Colorization:
    """The task of coloring pictures like the training pictures `images`, uint8 [n h w 3].

    make_head: from the census of their colours, and the quadratic mean of how far the L that is told is from the true
    one. Colours and floors are of all of them, or of evenly spaced ones where they have more than MOST pixels.
    """
    step = -(-images.size // (3 * MAX_PIXELS))
    images = images[::step]

    def look(key: jax.Array, rgb: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        greys, lab = degraded_gray(key, degrade, rgb), rgb_to_lab(rgb)
        return greys, lab, jnp.square(gray_to_lightness(greys) - lab[..., :1])

    look = jax.jit(look)
    counted, apart = np.zeros((2, gray_baselines.NUM_GRAYS, 3)), 0.0  # with a and b, and with L
    for number, (indices, mask) in enumerate(padded_batches(len(images), IMAGES_PER_CHUNK)):
        key = jax.random.fold_in(jax.random.key(0), number)
        seen = look(key, images[indices].astype(np.float32) / 255)
        greys, lab, squares = (np.asarray(part)[mask] for part in seen)
        apart += float(squares.sum(dtype=np.float64))
        counted += [gray_baselines.accumulate(greys, lab[..., axes]) for axes in ([1, 2], [0, 0])]
    lights = gray_baselines.make_baseline_tables(counted[1])["grey_lookup"][:, :1]
    floors = {
        name: np.concatenate([lights, ab], -1)
        for name, ab in gray_baselines.make_baseline_tables(counted[0]).items()
    }
    doubt = (apart / counted[0, :, 0].sum()) ** 0.5
    return Colorization(make_head(color_histogram(images), doubt), degrade, floors)
