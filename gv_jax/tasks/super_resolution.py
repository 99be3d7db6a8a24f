"""Super-resolution: images at twice their size."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.errors import UserError
from gv_jax.evaluation.super_resolution import (
    SUPER_RESOLUTION_METRICS,
    SuperResolutionEvaluation,
    evaluate_super_resolution,
)
from gv_jax.image.metrics import mse, mse_to_psnr, ssim
from gv_jax.image.resample import downsample_2x, quantize_8bit, upsample_2x
from gv_jax.models import UPSCALERS
from gv_jax.reporting.figures.report_figure import Augmented, FeatureMaps, ReportFigure
from gv_jax.tasks.run_task import (
    Config,
    Predict,
    check_model,
    check_no_degradation,
    check_no_labels,
)
from gv_jax.training.task import Batch


@dataclass(frozen=True)
class SuperResolution:
    """Reconstructs an image from its antialiased bicubic reduction to half the size, in 8 bits.

    The reduction follows augmentation, so input and target are augmented alike. The loss is the
    mean absolute error of images in [0, 1]; metrics are of outputs rounded to 8 bits.

    Attributes:
        channels: Channels of the images.
        monitor: The metric that selects the best checkpoint, and its direction.
    """

    models: ClassVar[tuple[str, ...]] = tuple(UPSCALERS)
    uses_labels: ClassVar[bool] = False
    gray_inputs: ClassVar[bool] = False
    multi_label: ClassVar[bool] = False
    whole_images: ClassVar[bool] = False
    metric_names: ClassVar[tuple[str, ...]] = SUPER_RESOLUTION_METRICS

    channels: int = 3
    monitor: tuple[str, str] = ("psnr", "max")

    @classmethod
    def validate(cls, config: Config) -> None:
        check_model(config, cls.models)
        check_no_labels(config)
        check_no_degradation(config)

    @classmethod
    def num_inputs(cls, config: Config) -> int:
        return config.data.channels

    @classmethod
    def num_outputs(cls, config: Config, num_classes: int) -> int:
        return config.data.channels

    @property
    def outputs(self) -> int:
        return self.channels

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> "SuperResolution":
        return cls(config.data.channels)

    @classmethod
    def from_run(cls, config: Mapping[str, Any], results: Mapping[str, Any]) -> "SuperResolution":
        return cls(config["data"]["channels"])

    def with_training_loss(self, loss: Config, labels: np.ndarray) -> "SuperResolution":
        return self

    def prepare_batch(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images = batch["image"].astype(jnp.float32) / 255.0  # [n h w c]
        return images, jnp.zeros((len(images), 0))  # no labels: the target is the image itself

    def make_inputs(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        _, h, w, _ = images.shape
        if h % 2 or w % 2:
            raise UserError(
                f"{h}x{w} images cannot be halved: set even sides with "
                "--config.data.size=HEIGHTxWIDTH and --config.augment.random_crop"
            )
        return downsample_2x(images), images

    def metrics(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        return {
            "loss": jnp.abs(outputs - targets).mean((1, 2, 3)),
            "psnr": mse_to_psnr(mse(quantize_8bit(outputs), targets)),
        }

    def eval_outputs(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        """Returns loss, MSE, PSNR and SSIM of the outputs and of the bicubic baseline, each [n]."""
        values = {}
        bicubic = upsample_2x(downsample_2x(targets))
        for prefix, images in (("", outputs), ("baseline_", bicubic)):
            rounded = quantize_8bit(images)
            error = mse(rounded, targets)
            values[f"{prefix}mse"] = error
            values[f"{prefix}psnr"] = mse_to_psnr(error)
            values[f"{prefix}ssim"] = ssim(rounded, targets)
            values[f"{prefix}loss"] = jnp.abs(images - targets).mean((1, 2, 3))
        return values

    def evaluate(
        self, outputs: Mapping[str, Mapping[str, np.ndarray]], dataset: Dataset
    ) -> SuperResolutionEvaluation:
        return evaluate_super_resolution(outputs, dataset)

    def draw(
        self,
        evaluation: SuperResolutionEvaluation,
        folder: Path,
        augmented: Augmented | None = None,
        predict: Predict | None = None,
        feature_maps: FeatureMaps | None = None,
    ) -> list[ReportFigure]:
        # matplotlib is slow to import
        from gv_jax.reporting.figures.super_resolution import draw_super_resolution

        return draw_super_resolution(evaluation, folder, augmented, predict)
