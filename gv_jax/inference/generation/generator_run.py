"""A finished generation run as a Python object: `run.generate("brick", count=30)`."""

from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.errors import UserError, unknown
from gv_jax.inference.finished_run import find_image_size, hash_weights
from gv_jax.inference.generation.generator import Generator, Sampling
from gv_jax.inference.generation.proportions import divide_in_proportion
from gv_jax.inference.generation.snap_colors import limit_colors, read_palette, snap_colors
from gv_jax.inference.network_input import ImageInput, make_preparation
from gv_jax.inference.run import Run
from gv_jax.training.layouts import MIN_TIME
from gv_jax.training.run_dir import RunDir

MAX_COLORS = 256  # of `limit_colors`
MAX_COUNT = 1_000_000  # images that `generate` returns
Palette = str | Path | int  # a file, or a number of colors


def check_number(name: str, value: float, low: float, high: float, *, whole: bool = False) -> None:
    """Raises UserError unless the value of an argument is a number from `low` to `high`."""
    if not is_number(value, Integral if whole else Real, low, high):
        noun = "a whole number" if whole else "a number"
        raise UserError(f"{name} is {value!r}: it must be {noun} from {low} to {high}")


def is_number(value: Any, kind: type, low: float, high: float) -> bool:
    """Whether a value is a number of a kind, no bool, from `low` to `high`."""
    return isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high


def check_strength(strength: float | None, *, is_variation: bool) -> None:
    """Raises UserError if a strength is given without an image to vary."""
    if strength is not None and not is_variation:
        raise UserError("strength is of variations: give an image to vary too, or leave it out")


class GeneratorRun(Run):
    """A run that generates images of a class.

    Attributes:
        classes: Class names.
        generator: The network as a function.
        hash: Of the weights: identifies the run.
        section: The section config.generation, with the sampling of the last evaluation.
    """

    purpose = "generates images"

    def __init__(self, run_dir: RunDir) -> None:
        super().__init__(run_dir)
        sampling: dict[str, Any] = self.results.get("sampling", {})
        self.section: dict[str, Any] = {**self.config["generation"], **sampling}
        self.classes: tuple[str, ...] = tuple(self.results["classes"])
        self.generator = Generator(self.loaded, find_image_size(run_dir), self.section["sampler"])
        self.hash = hash_weights(self.weights)
        self._prepare = make_preparation(self.config["data"], self.generator.size)

    def generate(
        self,
        label: str,
        count: int = 1,
        *,
        seed: int = 0,
        guidance: float | None = None,
        steps: int | None = None,
        tileable: bool | None = None,
        palette: Palette | None = None,
        like: ImageInput | None = None,
        strength: float | None = None,
        layout_time: float | None = None,
    ) -> np.ndarray:
        """Generates images of a class.

        Args:
            label: Name of the class.
            count: Number of images.
            seed: Of the noise; image i of a class is the same for every `count`.
            guidance: Weight of the class; 1: as in training images; None: config.generation's.
            steps: Steps of the sampler; None: config.generation's.
            tileable: Whether the images repeat without a seam; None: as the class was trained.
            palette: A palette file, or a maximum number of colors per image; None:
                config.generation's.
            like: An image to vary, as of `network_input.to_pil`.
            strength: How far it is changed: 0 not at all, 1 entirely; None:
                config.generation's.
            layout_time: How exactly layouts are followed: 0.5 to 1; None: config.generation's.

        Returns:
            uint8 [count h w c].

        Raises:
            UserError: There is no such class, or an argument is out of range.
            CorruptImageError: The file `like` is no image.
        """
        check_strength(strength, is_variation=like is not None)
        sampling = self.sampling(seed, guidance, steps, tileable, strength, layout_time)
        snap = self.palette_filter(palette)
        check_number("count", count, 0, MAX_COUNT, whole=True)
        labels = np.full(count, self.find_label(label))
        images = None
        if like is not None:
            image = self._prepare(like)
            images = np.broadcast_to(image, (count, *image.shape))
        return snap(self.generator.generate(labels, np.arange(count), sampling, images))

    def sampling(
        self,
        seed: int = 0,
        guidance: float | None = None,
        steps: int | None = None,
        tileable: bool | None = None,
        strength: float | None = None,
        layout_time: float | None = None,
    ) -> Sampling:
        """The arguments of `generate` with the defaults of the run; UserError out of range."""
        defaults = Sampling.from_section(self.section, seed)
        sampling = defaults._replace(
            guidance=defaults.guidance if guidance is None else guidance,
            steps=defaults.steps if steps is None else steps,
            strength=defaults.strength if strength is None else strength,
            layout_time=defaults.layout_time if layout_time is None else layout_time,
            tileable=tileable,
        )
        check_number("seed", sampling.seed, 0, 2**32 - 1, whole=True)
        check_number("guidance", sampling.guidance, 0, 20)
        check_number("steps", sampling.steps, 1, 1000, whole=True)
        check_number("strength", sampling.strength, 0, 1)
        check_number("layout_time", sampling.layout_time, MIN_TIME, 1)
        if layout_time is not None and self.generator.task.layouts is None:
            raise UserError(
                f"layout_time is of networks that follow layouts: {self.name} was trained with "
                "config.generation.layouts=0; leave it out"
            )
        return sampling

    def find_label(self, name: str) -> int:
        """The index of a class; UserError if there is none of this name."""
        if name not in self.classes:
            raise unknown("class", name, self.classes)
        return self.classes.index(name)

    def prepare_image(self, image: ImageInput) -> np.ndarray:
        """An image at the size of the run, uint8 [h w c]."""
        return self._prepare(image)

    def palette_filter(self, palette: Palette | None) -> Callable[[np.ndarray], np.ndarray]:
        """The function that gives images uint8 [n h w c] the colors of a palette.

        Raises:
            UserError: The file holds no palette, or the number is out of range.
        """
        chosen: Any = self.section["palette"] if palette is None else palette
        if palette is None and not chosen:
            return lambda images: images
        if not isinstance(chosen, str | Path):
            if not is_number(chosen, Integral, 1, MAX_COLORS):
                raise UserError(f"palette is {chosen!r}: give 1 to {MAX_COLORS} colors, or a file")
            return lambda images: limit_colors(images, chosen)
        colors = read_palette(Path(chosen))
        return lambda images: snap_colors(images, colors)

    def divide_count(self, count: int) -> dict[str, int]:
        """Class -> its part of `count` images, in proportion to the training images."""
        totals: dict[str, int] = self.results["train_counts"]
        return dict(zip(totals, divide_in_proportion(list(totals.values()), count), strict=True))
