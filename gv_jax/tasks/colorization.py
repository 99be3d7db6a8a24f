"""Colorization: gray images get their colors back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.data.augment.degrade import Degradation, build_degradation
from gv_jax.data.sampling import padded_batches
from gv_jax.errors import UserError
from gv_jax.evaluation.colorization import (
    COLOR_METRICS,
    MAIN_BASELINE,
    ColorizationEvaluation,
    evaluate_colorization,
)
from gv_jax.image import gray_baselines
from gv_jax.image.color import gray_to_lightness, lightness_to_gray, rgb_to_lab
from gv_jax.image.color_metrics import AB_SCALE, color_metrics, flicker
from gv_jax.image.palette import ColorHistogram, color_histogram
from gv_jax.image.resample import quantize_8bit
from gv_jax.models import COLORIZERS
from gv_jax.reporting.figures.report_figure import Augmented, Colorize, FeatureMaps, ReportFigure
from gv_jax.tasks.color_heads import COLOR_HEADS, head_from_json, validate_color_head
from gv_jax.tasks.color_heads.color_head import ColorHead, HeadSpec
from gv_jax.tasks.run_task import Config, Predict, check_model, check_no_labels
from gv_jax.training.step import eval_key
from gv_jax.training.task import Batch

STATS_BATCH_SIZE = 32  # training images in memory as floats at once
MAX_STATS_PIXELS = 200_000_000  # pixels of training images that head and baselines are fitted to

Targets = dict[str, jax.Array]  # "grays" [n h w 1], degraded, and "originals" [n h w 3], in [0, 1]
MakeHead = Callable[[ColorHistogram, float], ColorHead]


@dataclass(frozen=True)
class Colorization:
    """Predicts the colors of RGB images from their gray values, which may be degraded.

    The lightness of a pixel is that of the input, unless the head predicts it too: then an image of
    few gray levels gets all of its shades back.

    Attributes:
        head: What the network outputs mean.
        degrade: Degradation of the gray images.
        baselines: Name -> table from gray level to L, a and b, [256 3]. L is used only if the head
            predicts it.
        monitor: The metric that selects the best checkpoint, and its direction.
    """

    models: ClassVar[tuple[str, ...]] = tuple(COLORIZERS)
    uses_labels: ClassVar[bool] = False
    gray_inputs: ClassVar[bool] = True
    multi_label: ClassVar[bool] = False
    whole_images: ClassVar[bool] = True
    metric_names: ClassVar[tuple[str, ...]] = (*COLOR_METRICS, "flicker")

    head: ColorHead
    degrade: Degradation
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)
    monitor: tuple[str, str] = ("mse", "min")

    @classmethod
    def validate(cls, config: Config) -> None:
        check_model(config, cls.models)
        check_no_labels(config)
        if config.data.channels != 3:
            raise UserError(
                f"config.data.channels is {config.data.channels}: colorization needs RGB images, 3"
            )
        validate_color_head(config.color_head)
        build_degradation(config.degrade.to_dict())

    @classmethod
    def num_inputs(cls, config: Config) -> int:
        return 1

    @classmethod
    def num_outputs(cls, config: Config, num_classes: int) -> int:
        return COLOR_HEADS[config.color_head.name].max_outputs(config.color_head)

    @property
    def outputs(self) -> int:
        return self.head.num_outputs

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> "Colorization":
        section = config.color_head

        def make_head(histogram: ColorHistogram, lightness_rmse: float) -> ColorHead:
            spec = HeadSpec(
                histogram,
                lightness_rmse,
                channels=2 + section.predict_lightness,
                palette_size=section.palette_size,
                temperature=section.temperature,
                rebalance_lambda=section.rebalance_lambda,
            )
            return COLOR_HEADS[section.name].fit(spec)

        degrade = build_degradation(config.degrade.to_dict())
        return cls.from_images(dataset.splits["train"].images, degrade, make_head)

    @classmethod
    def from_run(cls, config: Mapping[str, Any], results: Mapping[str, Any]) -> "Colorization":
        section = config["color_head"]
        head = head_from_json(
            section["name"], results["color_head"], results["channels"], section["temperature"]
        )
        return cls(head, build_degradation(config["degrade"]))

    @classmethod
    def from_images(
        cls, images: np.ndarray, degrade: Degradation, make_head: MakeHead
    ) -> "Colorization":
        """The task for training images, which head and baselines are fitted to.

        Args:
            images: Training images, uint8 [n h w 3]. Evenly spaced ones are used if they have more
                than MAX_STATS_PIXELS pixels.
            degrade: Degradation of the gray images.
            make_head: Makes the head from the histogram of the colors and the root mean square
                error of the L of the degraded gray images.
        """
        images = images[:: -(-images.size // (3 * MAX_STATS_PIXELS))]
        baselines, lightness_rmse = collect_stats(images, degrade)
        return cls(make_head(color_histogram(images), lightness_rmse), degrade, baselines)

    def with_training_loss(self, loss: Config, labels: np.ndarray) -> "Colorization":
        return self

    def prepare_batch(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w 3]
        return images, jnp.zeros((len(images), 0))  # no labels: the target is the image itself

    def make_inputs(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, Targets]:
        grays = degraded_gray(key, self.degrade, images)
        return network_input(grays), {"grays": grays, "originals": images}

    def metrics(self, outputs: jax.Array, targets: Targets) -> dict[str, jax.Array]:
        """Returns the loss, and the MSE of the predicted a and b in units of 128."""
        lab = rgb_to_lab(targets["originals"])
        outputs = self.head.add_prior(outputs, gray_to_lightness(targets["grays"]))
        errors = (self.head.decode(outputs)[..., -2:] - lab[..., 1:]) / AB_SCALE
        return {"loss": self.head.loss(outputs, lab), "mse": jnp.square(errors).mean((1, 2, 3))}

    def eval_outputs(self, outputs: jax.Array, targets: Targets) -> dict[str, jax.Array]:
        """Returns the loss and `color_metrics` of every prediction, each [n].

        Metrics of a baseline have its name before them, as in "gray/mse". "change" and "pixels" are
        the `flicker` between an image and the next one of the batch, 0 for the last one;
        "original/change" is that of the originals.
        """
        grays, originals = targets["grays"], targets["originals"]
        true_lab = rgb_to_lab(originals)
        logits = self.head.add_prior(outputs, gray_to_lightness(grays))
        values = {"loss": self.head.loss(logits, true_lab)}
        predictions = {"": self.predict_lab(outputs, grays)}
        predictions |= {f"{name}/": self.baseline_lab(name, grays) for name in self.baselines}
        for prefix, lab in predictions.items():
            metrics = color_metrics(lab[..., :1], lab[..., 1:], originals)
            values |= {prefix + name: metric for name, metric in metrics.items()}
        for prefix, lab in {**predictions, "original/": true_lab}.items():
            change, pixels = flicker(grays[:-1], grays[1:], lab[:-1, ..., 1:], lab[1:, ..., 1:])
            values[f"{prefix}change"] = jnp.pad(change, (0, 1))
            values["pixels"] = jnp.pad(pixels, (0, 1))
        return values

    def evaluate(
        self, outputs: Mapping[str, Mapping[str, np.ndarray]], dataset: Dataset
    ) -> ColorizationEvaluation:
        return evaluate_colorization(outputs, dataset, self.head.to_json(), self.head.channels)

    def draw(
        self,
        evaluation: ColorizationEvaluation,
        folder: Path,
        augmented: Augmented | None = None,
        predict: Predict | None = None,
        feature_maps: FeatureMaps | None = None,
    ) -> list[ReportFigure]:
        # matplotlib is slow to import
        from gv_jax.reporting.figures.colorization import draw_colorization

        colorize = None if predict is None else self._make_colorize(predict)
        return draw_colorization(
            evaluation, folder, augmented, colorize, predicts_lightness=self.head.channels == 3
        )

    def _make_colorize(self, predict: Predict) -> Colorize:
        """The function images [n h w 3] in [0, 1] -> grays, L, a and b of baseline and network."""

        @jax.jit
        def inputs_of(images: jax.Array) -> tuple[jax.Array, jax.Array]:
            inputs, targets = self.make_inputs(eval_key(), images, jnp.zeros((len(images), 0)))
            return inputs, targets["grays"]

        @jax.jit
        def decode(outputs: jax.Array, grays: jax.Array) -> tuple[jax.Array, jax.Array]:
            return self.baseline_lab(MAIN_BASELINE, grays), self.predict_lab(outputs, grays)

        def colorize(images: np.ndarray) -> tuple[jax.Array, jax.Array, jax.Array]:
            inputs, grays = inputs_of(jnp.asarray(images))
            return grays, *decode(jnp.asarray(predict(np.asarray(inputs))), grays)

        return colorize

    def predict_lab(self, outputs: jax.Array, grays: jax.Array) -> jax.Array:
        """Decodes network outputs [n h w k] for grays [n h w 1] in [0, 1] to L, a and b."""
        logits = self.head.add_prior(outputs, gray_to_lightness(grays))
        return add_lightness(self.head.decode(logits), grays)

    def baseline_lab(self, name: str, grays: jax.Array) -> jax.Array:
        """L, a and b of a baseline for grays [n h w 1] in [0, 1]."""
        table = self.baselines[name][:, -self.head.channels :]
        return add_lightness(gray_baselines.apply_table(table, grays), grays)


def add_lightness(colors: jax.Array, grays: jax.Array) -> jax.Array:
    """L, a and b: `colors` [n h w 2 or 3], where they have no L with that of `grays` [n h w 1]."""
    return jnp.concatenate([gray_to_lightness(grays), colors], -1)[..., -3:]


def degraded_gray(key: jax.Array, degrade: Degradation, images: jax.Array) -> jax.Array:
    """Converts images [n h w 3] in [0, 1] to 8-bit gray, then degrades them: [n h w 1]."""
    return degrade(key, quantize_8bit(lightness_to_gray(rgb_to_lab(images)[..., :1])))


def network_input(grays: jax.Array) -> jax.Array:
    """Converts grays in [0, 1] to L scaled to [-1, 1]."""
    return gray_to_lightness(grays) / 50 - 1


def collect_stats(images: np.ndarray, degrade: Degradation) -> tuple[dict[str, np.ndarray], float]:
    """Fits the baselines, and measures the error of the L of the degraded gray images.

    Args:
        images: Training images, uint8 [n h w 3].
        degrade: Degradation of the gray images.

    Returns:
        The baselines, name -> table from gray level to L, a and b, float32 [256 3]; and the root
        mean square error of L.
    """

    @jax.jit
    def gray_and_color(key: jax.Array, rgb: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        grays, lab = degraded_gray(key, degrade, rgb), rgb_to_lab(rgb)
        return grays, lab, jnp.square(gray_to_lightness(grays) - lab[..., :1])

    ab_sums = np.zeros((gray_baselines.NUM_GRAYS, 3))
    lightness_sums, sq_error = np.zeros_like(ab_sums), 0.0
    for chunk, (indices, mask) in enumerate(padded_batches(len(images), STATS_BATCH_SIZE)):
        key = jax.random.fold_in(jax.random.key(0), chunk)
        arrays = gray_and_color(key, images[indices].astype(np.float32) / 255)
        grays, lab, sq_errors = (np.asarray(array)[mask] for array in arrays)
        sq_error += float(sq_errors.sum(dtype=np.float64))
        ab_sums += gray_baselines.accumulate(grays, lab[..., [1, 2]])
        lightness_sums += gray_baselines.accumulate(grays, lab[..., [0, 0]])
    lightness = gray_baselines.make_baseline_tables(lightness_sums)["gray_lookup"][:, :1]
    ab_tables = gray_baselines.make_baseline_tables(ab_sums)
    baselines = {name: np.concatenate([lightness, ab], -1) for name, ab in ab_tables.items()}
    return baselines, (sq_error / ab_sums[:, 0].sum()) ** 0.5
