"""Multi-label classification: any number of labels per image, each a binary decision."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.evaluation.multilabel import MultilabelEvaluation, evaluate_multilabel
from gv_jax.evaluation.multilabel_metrics import MULTILABEL_METRICS
from gv_jax.image.standardize import standardize
from gv_jax.models import CLASSIFIERS
from gv_jax.reporting.figures.report_figure import Augmented, FeatureMaps, ReportFigure
from gv_jax.tasks.run_task import (
    Config,
    Predict,
    check_model,
    check_no_degradation,
    check_no_single_class,
    check_num_classes,
    check_off,
)
from gv_jax.training.losses import Loss, sigmoid_loss
from gv_jax.training.task import Batch

POSITIVE = 0.5  # targets from here on count as positive, where mixup or cutmix made fractions


@dataclass(frozen=True)
class MultiLabel:
    """Any of `num_classes` labels per image, float32 [n k], 0 or 1; sigmoid cross-entropy.

    Attributes:
        num_classes: Number of labels, k.
        mean: Subtracted from images in [0, 1]; one number, or one per channel.
        std: Divisor after that; one number, or one per channel.
        loss: Logits and targets [n k] -> loss [n].
        monitor: The metric that selects the best checkpoint, and its direction.
    """

    models: ClassVar[tuple[str, ...]] = tuple(CLASSIFIERS)
    uses_labels: ClassVar[bool] = True
    gray_inputs: ClassVar[bool] = False
    multi_label: ClassVar[bool] = True
    whole_images: ClassVar[bool] = False
    metric_names: ClassVar[tuple[str, ...]] = MULTILABEL_METRICS

    num_classes: int
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)
    loss: Loss = sigmoid_loss
    monitor: tuple[str, str] = ("ranking_precision", "max")

    @classmethod
    def validate(cls, config: Config) -> None:
        check_model(config, cls.models)
        check_no_degradation(config)
        check_no_single_class(config)
        check_off(
            config,
            ["augment.label_smoothing"],
            "it distributes one label over all classes, and labels are independent here",
        )

    @classmethod
    def num_inputs(cls, config: Config) -> int:
        return max(config.data.channels, len(config.data.mean), len(config.data.std))

    @classmethod
    def num_outputs(cls, config: Config, num_classes: int) -> int:
        return num_classes

    @property
    def outputs(self) -> int:
        return self.num_classes

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> "MultiLabel":
        check_num_classes(config, dataset)
        return cls(len(dataset.classes), tuple(config.data.mean), tuple(config.data.std))

    @classmethod
    def from_run(cls, config: Mapping[str, Any], results: Mapping[str, Any]) -> "MultiLabel":
        data = config["data"]
        return cls(len(results["classes"]), tuple(data["mean"]), tuple(data["std"]))

    def with_training_loss(self, loss: Config, labels: np.ndarray) -> "MultiLabel":
        return replace(self, loss=partial(sigmoid_loss, focal=loss.focal)) if loss.focal else self

    def prepare_batch(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        return batch["image"].astype(jnp.float32) / 255.0, batch["label"]  # [n h w c], [n k]

    def make_inputs(
        self, key: jax.Array, images: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return standardize(images, self.mean, self.std), targets

    def metrics(self, outputs: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        return {
            "loss": self.loss(outputs, targets),
            "ranking_precision": label_ranking_average_precision(outputs, targets),
        }

    def eval_outputs(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the logits [n k]."""
        return outputs

    def evaluate(self, outputs: Mapping[str, np.ndarray], dataset: Dataset) -> MultilabelEvaluation:
        return evaluate_multilabel(outputs, dataset)

    def draw(
        self,
        evaluation: MultilabelEvaluation,
        folder: Path,
        augmented: Augmented | None = None,
        predict: Predict | None = None,
        feature_maps: FeatureMaps | None = None,
    ) -> list[ReportFigure]:
        # matplotlib is slow to import
        from gv_jax.reporting.figures.multilabel import draw_multilabel

        return draw_multilabel(evaluation, folder, augmented, feature_maps)


def label_ranking_average_precision(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Label ranking average precision of each image: [n k], [n k] -> [n] in (0, 1].

    For each positive label, the fraction of positives among the labels with an equal or higher
    output; then the mean over the positive labels. It is 1 for an image without positive labels.
    The mean over images is scikit-learn's `label_ranking_average_precision_score`, written in jnp
    because it is a metric of the compiled step.
    """
    positive = (targets >= POSITIVE).astype(jnp.float32)
    ranked_above = (outputs[:, None, :] >= outputs[:, :, None]).astype(jnp.float32)  # [n k k]
    precision = (ranked_above * positive[:, None, :]).sum(-1) / ranked_above.sum(-1)
    count = positive.sum(-1)
    mean_precision = (positive * precision).sum(-1) / jnp.maximum(count, 1.0)
    return jnp.where(count > 0, mean_precision, 1.0)
