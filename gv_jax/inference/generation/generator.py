"""The network of a generation run as a function from classes to images."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.image.alpha import unpremultiply
from gv_jax.inference.finished_run import LoadedNetwork
from gv_jax.inference.generation.sampler import Conditions, draw_noise, make_sampler
from gv_jax.models.diffusion.flow_inputs import REGION
from gv_jax.tasks.generation import Generation, to_network_range
from gv_jax.tasks.generation_data import BINARY, OPAQUE
from gv_jax.training.flow import interpolate
from gv_jax.training.layouts import average_regions
from gv_jax.training.step import make_predict

BATCH_SIZE = 16  # images per call of the network, which gets each twice
TRANSLUCENT = (0.2, 0.8)  # alpha of pixels that are seen through on purpose
MIN_TRANSLUCENT = 0.01  # fraction of such pixels; images of fewer are solid


class Sampling(NamedTuple):
    """How images are generated.

    Attributes:
        seed: Of the noise.
        guidance: Weight of the class; 1: as in the training images.
        steps: Steps of the sampler.
        layout_time: How exactly the layout of a training image is followed, as of `FlowInputs`.
        strength: How far images of `like` are changed: 0 not at all, 1 entirely.
        tileable: Whether all images repeat without a seam; None: those of the classes that the
            network was trained for that with.
    """

    seed: int
    guidance: float
    steps: int
    layout_time: float
    strength: float
    tileable: bool | None = None

    @classmethod
    def from_section(cls, section: Mapping[str, Any], seed: int) -> "Sampling":
        """The sampling of the section config.generation."""
        return cls(
            seed, section["guidance"], section["steps"], section["layout_time"], section["strength"]
        )


class Generator:
    """Generates images with a network; compiles on the first call.

    Attributes:
        task: Classes, their alpha channels, channels.
        size: (height, width) of the images.
    """

    def __init__(self, loaded: LoadedNetwork, size: tuple[int, int], sampler: str):
        task: Any = loaded.task
        self.task: Generation = task
        self.size = size
        self._weights = loaded.weights
        predict = make_predict(loaded.network)
        self._sample = make_sampler(predict, sampler, self.task.outputs)

    def generate(
        self,
        labels: Sequence[int] | np.ndarray,
        indices: Sequence[int] | np.ndarray,
        sampling: Sampling,
        like: np.ndarray | None = None,
    ) -> np.ndarray:
        """Generates an image for each label, uint8 [n h w c].

        An image is a function of (seed, label, index) and the other fields of `sampling`, whatever
        else is generated in the same call.

        Args:
            labels: Of each image.
            indices: Number of each image among those of its label and seed.
            sampling: How.
            like: Images to start from, uint8 [n h w c]: noise is added to them, of which
                `sampling.strength` determines how much (SDEdit, Meng et al. 2022,
                arXiv:2108.01073); None: pure noise.
        """
        labels, indices = np.asarray(labels, np.int32), np.asarray(indices, np.int32)
        parts = []
        for start in range(0, len(labels), BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, len(labels)))
            padded = np.resize(rows, BATCH_SIZE)
            images = None if like is None else like[padded]
            batch = self._generate_batch(labels[padded], indices[padded], sampling, images)
            parts.append(batch[: len(rows)])
        shape = (0, *self.size, self.task.channels)
        return np.concatenate([np.zeros(shape, np.uint8), *parts])

    def _generate_batch(
        self,
        labels: np.ndarray,
        indices: np.ndarray,
        sampling: Sampling,
        like: np.ndarray | None,
    ) -> np.ndarray:
        noise = draw_noise(sampling.seed, labels, indices, (*self.size, self.task.channels))
        start, images, clean = 0.0, noise, None
        if like is not None:
            start = 1 - sampling.strength
            clean = jnp.asarray(like, jnp.float32) / 255
            images = (1 - start) * noise + start * to_network_range(clean)
        wraps = np.array(self.task.tileable, np.float32)[labels]
        if sampling.tileable is not None:
            wraps = np.full_like(wraps, sampling.tileable)
        steps = max(round(sampling.steps * (1 - start)), 1)
        times = np.linspace(start, 1, steps + 1).astype(np.float32)
        conditions = Conditions(
            jnp.asarray(labels),
            *self._draw_layouts(labels, indices, sampling, clean),
            jnp.asarray(wraps),
            jnp.float32(sampling.guidance),
        )
        outputs = self._sample(self._weights, images, times, conditions)
        return np.asarray(to_pixels(outputs, *self._alpha_kinds(labels)))

    def _draw_layouts(
        self, labels: np.ndarray, indices: np.ndarray, sampling: Sampling, like: Array | None
    ) -> tuple[Array, Array]:
        """A noisy layout for each image, of `like` or of a training image, and its time."""
        layouts, n = self.task.layouts, len(labels)
        shape = (*(side // REGION for side in self.size), self.task.channels)
        if layouts is None:
            return jnp.zeros((n, *shape)), jnp.zeros(n)
        if like is None:
            colors = layouts.draw(sampling.seed, labels, indices)
        else:
            colors = average_regions(to_network_range(like))
        noise = draw_noise(sampling.seed, labels, indices, shape, stream=1)
        times = jnp.full(n, sampling.layout_time, jnp.float32)
        return interpolate(colors, noise, times)[0], times

    def _alpha_kinds(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether the alpha of each image is opaque, and whether binary, bool [n]."""
        kinds = np.array(self.task.alpha)[labels]
        return kinds == OPAQUE, kinds == BINARY


@jax.jit
def to_pixels(outputs: Array, opaque: Array, binary: Array) -> Array:
    """Premultiplied images in [-1, 1] as uint8, with the alpha of their class.

    In a class with smooth alpha, an image with hardly any translucent pixel is solid: its alpha
    above the translucent range is noise, and becomes 1.
    """
    images = jnp.clip((outputs + 1) / 2, 0, 1)

    def snap(alpha: Array) -> Array:
        is_opaque, is_binary = (flags.reshape(-1, 1, 1, 1) for flags in (opaque, binary))
        is_translucent = (alpha > TRANSLUCENT[0]) & (alpha < TRANSLUCENT[1])
        is_solid = is_translucent.mean((1, 2, 3), keepdims=True) < MIN_TRANSLUCENT
        rounded = jnp.where(is_binary, jnp.round(alpha), alpha)
        rounded = jnp.where(is_solid & (alpha >= TRANSLUCENT[1]), jnp.ones_like(alpha), rounded)
        return jnp.where(is_opaque, jnp.ones_like(alpha), rounded)

    return jnp.round(255 * unpremultiply(images, snap)).astype(jnp.uint8)
