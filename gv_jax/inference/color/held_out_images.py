"""Measures a colorizer on whole held-out images, as `gv-jax colorize` writes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from tqdm import tqdm

from gv_jax.data.builders.base import ImageBuilder
from gv_jax.data.decode import to_channels
from gv_jax.evaluation.colorization import (
    MAIN_BASELINE,
    ColorizationEvaluation,
    add_whole_images,
)
from gv_jax.evaluation.whole_images import ImageVersions, WholeImages, sample_indices
from gv_jax.image.color import gray_to_lightness
from gv_jax.image.gray_baselines import NUM_GRAYS
from gv_jax.image.tiled_metrics import compare_frames, compare_images
from gv_jax.inference.color.color_transfer import keep_gray
from gv_jax.inference.color.colorizer import Colorizer, make_predict_ab
from gv_jax.tasks.colorization import Colorization
from gv_jax.training.step import SplitModule, eval_key

FLAT_SIDE = 8  # pixels of an image of one gray, a block of JPEG


@dataclass
class HeldOutImages:
    """Images of a split at their own size, with the predictions of a colorizer and baselines.

    Attributes:
        builder: The prepared data set.
        colorizer: The run.
        baselines: Name -> color of every 8-bit gray level, uint8 [256 3].
        ids: Ids of the images.
        positions: Where the builder stores each: (split, index).
    """

    builder: ImageBuilder
    colorizer: Colorizer
    baselines: Mapping[str, np.ndarray]
    ids: Sequence[str]
    positions: Mapping[str, tuple[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.positions = find_positions(self.builder, self.ids)

    def versions_of(self, index: int) -> dict[str, np.ndarray]:
        """The "input", uint8 [h w], the "original", and every colorization, uint8 [h w 3].

        The prediction has the empty name, baselines have theirs. Transparent pixels have the
        background of the run.
        """
        image = self.builder.load_image(*self.positions[self.ids[index]])
        pixels = np.asarray(image).reshape(image.height, image.width, -1)
        original = self._composite(pixels)
        gray = self.colorizer.upsampler.to_gray(original)
        lookups = {name: table[gray] for name, table in self.baselines.items()}
        prediction = self._composite(self.colorizer(pixels))
        return {"": prediction, **lookups, "original": original, "input": gray}

    def example(self, index: int) -> ImageVersions:
        """The image at `index` with its colorizations, for figures."""
        versions = self.versions_of(index)
        gray = np.repeat(versions["input"][..., None], 3, -1)
        return ImageVersions(gray, versions[MAIN_BASELINE], versions[""], versions["original"])

    def measure(self) -> dict[str, np.ndarray]:
        """The `ColorizationOutputs` of all images."""
        rows: list[dict[str, float]] = []
        previous: dict[str, np.ndarray] | None = None
        for index in tqdm(range(len(self.ids)), "colorize held-out images", delay=1):
            versions = self.versions_of(index)
            changes = map(change_of, ("", *self.baselines, "original"))
            row = dict.fromkeys(["pixels", *changes], 0.0)
            for name in ("", *self.baselines):
                prefix = f"{name}/" if name else ""
                metrics = compare_images(versions[name], versions["original"])
                row |= {prefix + metric: value for metric, value in metrics.items()}
            rows.append(row)
            if previous is not None and previous["input"].shape == versions["input"].shape:
                rows[-2] |= self._flicker(previous, versions)
            previous = versions
        names = [name for name in rows[0] if all(name in row for row in rows)]
        return {name: np.array([row[name] for row in rows]) for name in names}

    def _flicker(
        self, versions: Mapping[str, np.ndarray], following: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """ "change" of every version, and "pixels", between an image and the following one."""
        row: dict[str, float] = {}
        for name in ("", *self.baselines, "original"):
            change, pixels = compare_frames(
                (versions[name], following[name]), (versions["input"], following["input"])
            )
            row[change_of(name)], row["pixels"] = change, float(pixels)
        return row

    def _composite(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [h w c] over the background of the run: [h w 3]."""
        image = Image.fromarray(pixels if pixels.shape[-1] > 1 else pixels[..., 0])
        return to_channels(image, 3, self.colorizer.background)


def change_of(version: str) -> str:
    """The name of the flicker of a version: "change", "gray/change" …"""
    return f"{version}/change" if version else "change"


def evaluate_held_out_images(
    evaluation: ColorizationEvaluation,
    task: Colorization,
    network: SplitModule,
    weights: tuple[Any, Any],
    builder: ImageBuilder,
    data: Mapping[str, Any],
    limit: int,
) -> ColorizationEvaluation:
    """Adds results on whole images of the main split to the evaluation of a colorization.

    Args:
        evaluation: The evaluation at the size of the network input.
        task: The task of the run.
        network: Its network.
        weights: Parameters and batch statistics.
        builder: The prepared data set.
        data: The section config.data of the run.
        limit: Maximum number of images, at least 1.
    """
    weights = jax.device_put(jax.device_get(weights), jax.local_devices()[0])
    predict_ab = make_predict_ab(task, network, weights)
    images = evaluation.dataset.splits[evaluation.main_split].ids
    indices = sample_indices(len(images), limit)
    held_out = HeldOutImages(
        builder,
        Colorizer(data, predict_ab),
        make_lookups(task),
        [images[index] for index in indices],
    )
    whole = WholeImages(indices, held_out.measure(), held_out.example)
    return add_whole_images(evaluation, whole)


def make_lookups(task: Colorization) -> dict[str, np.ndarray]:
    """The baselines as a color per 8-bit gray level, uint8 [256 3], of exactly that gray.

    With few gray levels the color is that of the reduced level. Blur, noise and JPEG do not change
    it: the baselines see the gray of a pixel alone.
    """
    levels = jnp.arange(NUM_GRAYS, dtype=jnp.uint8)
    flat = jnp.broadcast_to(levels[:, None, None, None], (NUM_GRAYS, FLAT_SIDE, FLAT_SIDE, 1))
    degraded = task.degrade(eval_key(), flat.astype(jnp.float32) / 255)
    grays = degraded.mean((1, 2), keepdims=True)  # [256 1 1 1]
    lightness = gray_to_lightness(levels[:, None].astype(jnp.float32) / 255)
    lookups = {}
    for name in task.baselines:
        ab = task.baseline_lab(name, grays)[:, 0, 0, 1:]
        lookups[name] = np.asarray(keep_gray(levels, jnp.concatenate([lightness, ab], -1)))
    return lookups


def find_positions(builder: ImageBuilder, ids: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Id -> (split, index) in a prepared data set.

    A run may divide the images differently, as into folds, so every split is searched.
    """
    missing = set(ids)
    positions = {}
    for split in reversed(list(builder.info.splits)):  # the held-out ones first
        if not missing:
            break
        for index, (image_id, *_) in enumerate(builder.examples(split)):
            if image_id in missing:
                positions[image_id] = (split, index)
                missing.discard(image_id)
    return positions
